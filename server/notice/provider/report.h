/*
 * Report: takes what providers report of messages by themselves: notice_report_receipts, the first
 * step of ReportReceipts. What is reported of a message that no delivery of the channel has is left
 * out and counted.
 */
#ifndef JUNCTION_SERVER_NOTICE_PROVIDER_REPORT_H
#define JUNCTION_SERVER_NOTICE_PROVIDER_REPORT_H

/* Once, before the first call. */
void report_start(void);

#endif
