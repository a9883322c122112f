/*
 * TLS: GnuTLS judges the files, as it does those towards HTTP clients; OpenSSL, which HTTP/2 to the
 * server is spoken with, then takes the texts. They are forgotten at once.
 */
#include "bridge/rpc_tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "bridge/tls.h"

struct rpc_tls {
	struct watched_file files[TLS_FILES]; /* without texts, but while they are read */
	SSL_CTX *context;
};

static BIO *text_bio(const struct watched_file *f)
{
	BIO *bio = BIO_new_mem_buf(f->text, -1);
	CHECK(bio);
	return bio;
}

/* Each certificate of the file goes to add(); false if there is none, or one is refused. */
static bool each_certificate(
	const struct watched_file *f, SSL_CTX *context, bool (*add)(SSL_CTX *, X509 *, int))
{
	BIO *bio = text_bio(f);
	bool good = true;
	int count = 0;
	X509 *certificate;
	while (good && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		good = add(context, certificate, count++);
		X509_free(certificate);
	}
	BIO_free(bio);
	return good && count;
}

static bool add_authority(SSL_CTX *context, X509 *certificate, int index)
{
	(void)index;
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1;
}

static bool add_own(SSL_CTX *context, X509 *certificate, int index)
{
	return index ? SSL_CTX_add1_chain_cert(context, certificate) == 1
		     : SSL_CTX_use_certificate(context, certificate) == 1;
}

static bool use_key(const struct watched_file *f, SSL_CTX *context)
{
	BIO *bio = text_bio(f);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
	bool good = key && SSL_CTX_use_PrivateKey(context, key) == 1;
	EVP_PKEY_free(key);
	BIO_free(bio);
	return good;
}

static bool fill(SSL_CTX *context, const struct watched_file *files)
{
	static const unsigned char protocols[] = {2, 'h', '2'};
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_alpn_protos(context, protocols, sizeof(protocols)) == 0 &&
	       each_certificate(&files[TLS_CA], context, add_authority) &&
	       (!files[TLS_CERT].path || (each_certificate(&files[TLS_CERT], context, add_own) &&
						 use_key(&files[TLS_KEY], context)));
}

/* NULL with the reason. */
static SSL_CTX *make_context(struct watched_file *files, const char *event, char *reason)
{
	if (!tls_read(files, event, reason))
		return NULL;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	CHECK(context);
	bool good = fill(context, files);
	files_forget(files, TLS_FILES);
	if (good) {
		ERR_clear_error();
		return context;
	}
	const char *why = ERR_reason_error_string(ERR_peek_error());
	snprintf(reason, FILES_REASON_SIZE, "--server-ca, --server-cert or --server-key: %s",
		why ? why : "unusable");
	ERR_clear_error();
	SSL_CTX_free(context);
	return NULL;
}

struct rpc_tls *rpc_tls_open(const struct rpc_tls_options *options)
{
	char reason[FILES_REASON_SIZE];
	struct rpc_tls *tls = check_calloc(1, sizeof(*tls));
	tls->files[TLS_CERT] = (struct watched_file){"--server-cert", options->cert};
	tls->files[TLS_KEY] = (struct watched_file){"--server-key", options->key};
	tls->files[TLS_CA] = (struct watched_file){"--server-ca", options->ca};
	tls->context = make_context(tls->files, "certificates read", reason);
	if (tls->context)
		return tls;
	log_event(LOG_ERROR, "cannot use TLS", LOG_TEXT("reason", reason));
	rpc_tls_free(&tls);
	return NULL;
}

void rpc_tls_free(struct rpc_tls **tls)
{
	if (*tls)
		SSL_CTX_free((*tls)->context);
	free(*tls);
	*tls = NULL;
}

bool rpc_tls_refresh(struct rpc_tls *tls, bool now)
{
	char reason[FILES_REASON_SIZE];
	if (!now && !files_changed(tls->files, TLS_FILES))
		return false;
	SSL_CTX *context = make_context(tls->files, "certificates reloaded", reason);
	if (!context) {
		log_event(LOG_ERROR, "certificates not reloaded, the old ones stay",
			LOG_TEXT("reason", reason));
		return false;
	}
	SSL_CTX_free(tls->context);
	tls->context = context;
	return true;
}

SSL_CTX *rpc_tls_context(const struct rpc_tls *tls)
{
	if (!tls)
		return NULL;
	SSL_CTX_up_ref(tls->context);
	return tls->context;
}
