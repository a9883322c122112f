/* Credentials: core takes the texts as they are; they are kept until newer ones are good. */
#include "bridge/rpc_tls.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "bridge/tls.h"

struct rpc_tls {
	struct watched_file files[TLS_FILES];
};

static void name_files(struct watched_file files[TLS_FILES], const struct rpc_tls_options *options)
{
	files[TLS_CERT] = (struct watched_file){"--server-cert", options->cert};
	files[TLS_KEY] = (struct watched_file){"--server-key", options->key};
	files[TLS_CA] = (struct watched_file){"--server-ca", options->ca};
}

struct rpc_tls *rpc_tls_open(const struct rpc_tls_options *options)
{
	char reason[FILES_REASON_SIZE];
	struct rpc_tls *tls = check_calloc(1, sizeof(*tls));
	name_files(tls->files, options);
	if (tls_read(tls->files, "certificates read", reason))
		return tls;
	log_event(LOG_ERROR, "cannot use TLS", LOG_TEXT("reason", reason));
	rpc_tls_free(&tls);
	return NULL;
}

void rpc_tls_free(struct rpc_tls **tls)
{
	if (*tls)
		files_forget((*tls)->files, TLS_FILES);
	free(*tls);
	*tls = NULL;
}

bool rpc_tls_refresh(struct rpc_tls *tls, bool now)
{
	char reason[FILES_REASON_SIZE];
	struct watched_file files[TLS_FILES];
	if (!now && !files_changed(tls->files, TLS_FILES))
		return false;
	memcpy(files, tls->files, sizeof(files));
	for (int i = 0; i < TLS_FILES; i++)
		files[i].text = NULL;
	bool good = tls_read(files, "certificates reloaded", reason);
	for (int i = 0; i < TLS_FILES; i++) {
		char *old = tls->files[i].text;
		tls->files[i].seen = files[i].seen;
		if (good) {
			tls->files[i].text = files[i].text;
			files[i].text = old;
		}
	}
	files_forget(files, TLS_FILES);
	if (!good)
		log_event(LOG_ERROR, "certificates not reloaded, the old ones stay",
			LOG_TEXT("reason", reason));
	return good;
}

grpc_channel_credentials *rpc_tls_credentials(const struct rpc_tls *tls)
{
	if (!tls)
		return grpc_insecure_credentials_create();
	grpc_ssl_pem_key_cert_pair pair = {tls->files[TLS_KEY].text, tls->files[TLS_CERT].text};
	grpc_channel_credentials *credentials = grpc_ssl_credentials_create(
		tls->files[TLS_CA].text, pair.private_key ? &pair : NULL, NULL, NULL);
	CHECK(credentials);
	return credentials;
}
