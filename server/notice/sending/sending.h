/*
 * Sending: takes deliveries that are due, sends them by their channel's provider, writes what came
 * of it.
 *
 * How a delivery moves; each arrow is an SQL function of migrations/0020:
 *
 *   waiting -- take -----> sending    this server sends it; an attempt is there; due: its lease
 *   sending -- conclude -> sent, delivered, failed, unknown; or waiting, by the channel's schedule
 *   sending -- take -----> unknown    its lease has run out: the server died in it. Or waiting, by
 *                                     the schedule, if the receiver tells repetitions
 *   sent, unknown -- take, conclude -> delivered, failed, waiting: the provider was asked (state
 *                                     stays as it is meanwhile, due is moved)
 *   sent, unknown -- report -> delivered, failed
 *   waiting -- Cancel -> cancelled;  failed, unknown, cancelled -- Resend -> waiting
 *   any -- receipt -> read
 *
 * A channel is sent by one server at a time, the one in charge (members.h), since its pace is kept
 * in memory; messages of a channel with a quota are counted in notice.quota_use, too, which a
 * server reads when it takes charge (notice.claim). Taken is only what is sent at once or, where
 * messages end fast and no quota counts them, within moments: what a dead server leaves as unknown
 * is that. Bodies are rendered when they are sent.
 *
 * All of it lives on notice_home(), except what says otherwise.
 */
#ifndef JUNCTION_SERVER_NOTICE_SENDING_SENDING_H
#define JUNCTION_SERVER_NOTICE_SENDING_SENDING_H

#include "server/notice/notice.h"

void sending_start(struct lanes *lanes, struct fetch_lane *fetch, struct loop *home,
	const struct notice_options *options);
/* Channels have been loaded. Home. */
void sending_channels_changed(void);
/* Something of that channel may be due: this server has sent, resent or heard of it. Any thread. */
void sending_wake(int channel_id);
/* The same of whatever channel. */
void sending_wake_all(void);
/* Nothing more is taken. Waits until what is under way is concluded, at most until then (on
 * clock_now()); leaves the members. Not on home. */
void sending_leave(int64_t until);
/* After the lanes have stopped. */
void sending_stop(void);

#endif
