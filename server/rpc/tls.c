/*
 * TLS: the main thread reads the files and judges them with OpenSSL before core sees them, since
 * core would fail handshakes with them and say little. Core asks at each handshake, listener by
 * listener, whether there is something new; a number tells.
 */
#include "server/rpc/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"

enum { CERT, KEY, CLIENT_CA, FILES };

/* What core asks with: one for each listener. */
struct port {
	struct port *next;
	struct tls *tls;
	unsigned generation; /* that core has */
};

struct tls {
	struct watched_file files[FILES]; /* without texts, but while they are read */
	const char *const *bridge_names;
	struct port *ports;

	pthread_mutex_t lock; /* guards what follows, and the ports' generations */
	unsigned generation;
	char *texts[FILES]; /* what handshakes use */
};

/* --- judging ---------------------------------------------------------------------------------- */

/* Keys with a passphrase are refused: nobody is there to type it. */
static int no_passphrase(char *buffer, int size, int writing, void *arg)
{
	return -1;
}

static BIO *open_text(const struct watched_file *f)
{
	BIO *in = BIO_new_mem_buf(f->text, -1);
	CHECK(in);
	return in;
}

static bool refuse(char reason[FILES_REASON_SIZE], const struct watched_file *f, const char *why)
{
	snprintf(reason, FILES_REASON_SIZE, "%s %s: %s", f->option, f->path, why);
	return false;
}

/* The first certificate of the file; every other must be one too. NULL if there is none. */
static X509 *read_certificates(const struct watched_file *f)
{
	BIO *in = open_text(f);
	X509 *first = PEM_read_bio_X509(in, NULL, NULL, NULL), *next = first;
	while (next) {
		if (next != first)
			X509_free(next);
		next = PEM_read_bio_X509(in, NULL, NULL, NULL);
	}
	bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(in);
	if (first && !at_end) {
		X509_free(first);
		return NULL;
	}
	return first;
}

static EVP_PKEY *read_key(const struct watched_file *f)
{
	BIO *in = open_text(f);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
	ERR_clear_error();
	BIO_free(in);
	return key;
}

static bool check_client_ca(const struct watched_file *f, char reason[FILES_REASON_SIZE])
{
	if (!f->path)
		return true;
	X509 *first = read_certificates(f);
	X509_free(first);
	return first || refuse(reason, f, "holds no certificate in PEM form, or a broken one");
}

/* "2027-01-31T12:00:00Z" */
static void format_expiry(const X509 *cert, char out[32])
{
	struct tm tm;
	CHECK(ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm));
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* Whether handshakes can do with what was read. expired: they can, but clients will not. */
static bool check_files(const struct watched_file *files, char reason[FILES_REASON_SIZE],
	char expires[32], bool *expired)
{
	X509 *cert = read_certificates(&files[CERT]);
	if (!cert)
		return refuse(
			reason, &files[CERT], "holds no certificate in PEM form, or a broken one");
	format_expiry(cert, expires);
	*expired = X509_cmp_current_time(X509_get0_notAfter(cert)) < 0;
	EVP_PKEY *key = read_key(&files[KEY]);
	bool good = false;
	if (!key)
		refuse(reason, &files[KEY], "holds no key in PEM form, or one with a passphrase");
	else if (X509_check_private_key(cert, key) != 1)
		refuse(reason, &files[KEY], "is not the key of the certificate in --tls-cert");
	else
		good = check_client_ca(&files[CLIENT_CA], reason);
	ERR_clear_error();
	EVP_PKEY_free(key);
	X509_free(cert);
	return good;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void swap_texts(struct tls *tls)
{
	pthread_mutex_lock(&tls->lock);
	for (int i = 0; i < FILES; i++) {
		char *old = tls->texts[i];
		tls->texts[i] = tls->files[i].text;
		tls->files[i].text = old;
	}
	tls->generation++;
	pthread_mutex_unlock(&tls->lock);
}

static bool read_files(struct tls *tls, const char *event, char reason[FILES_REASON_SIZE])
{
	char expires[32];
	bool expired = false;
	if (!files_read(tls->files, FILES, reason))
		return false;
	bool good = check_files(tls->files, reason, expires, &expired);
	if (good) {
		swap_texts(tls);
		log_event(LOG_INFO, event, LOG_TEXT("file", tls->files[CERT].path),
			LOG_TEXT("expires", expires));
	}
	if (good && expired)
		log_event(LOG_WARN, "certificate has expired",
			LOG_TEXT("file", tls->files[CERT].path), LOG_TEXT("expired", expires));
	files_forget(tls->files, FILES);
	return good;
}

void tls_refresh(struct tls *tls, bool now)
{
	char reason[FILES_REASON_SIZE];
	if (!now && !files_changed(tls->files, FILES))
		return;
	if (!read_files(tls, "certificates reloaded", reason))
		log_event(LOG_ERROR, "certificates not reloaded, the old ones stay",
			LOG_TEXT("reason", reason));
}

struct tls *tls_open(const struct tls_options *options)
{
	char reason[FILES_REASON_SIZE];
	struct tls *tls = check_calloc(1, sizeof(*tls));
	tls->files[CERT] = (struct watched_file){"--tls-cert", options->cert};
	tls->files[KEY] = (struct watched_file){"--tls-key", options->key};
	tls->files[CLIENT_CA] = (struct watched_file){"--tls-client-ca", options->client_ca};
	tls->bridge_names = options->bridge_names;
	pthread_mutex_init(&tls->lock, NULL);
	if (read_files(tls, "certificates read", reason))
		return tls;
	log_event(LOG_ERROR, "cannot use TLS", LOG_TEXT("reason", reason));
	tls_free(&tls);
	return NULL;
}

void tls_free(struct tls **p)
{
	struct tls *tls = *p;
	if (!tls)
		return;
	*p = NULL;
	swap_texts(tls);
	files_forget(tls->files, FILES);
	while (tls->ports) {
		struct port *port = tls->ports;
		tls->ports = port->next;
		free(port);
	}
	pthread_mutex_destroy(&tls->lock);
	free(tls);
}

/* --- handshakes ------------------------------------------------------------------------------- */

/* Core wants authorities even where no client is asked for a certificate: it gets ours, unused. */
static grpc_ssl_certificate_config_reload_status fetch(
	void *arg, grpc_ssl_server_certificate_config **config)
{
	struct port *port = arg;
	struct tls *tls = port->tls;
	pthread_mutex_lock(&tls->lock);
	bool news = port->generation != tls->generation;
	if (news) {
		const grpc_ssl_pem_key_cert_pair pair = {tls->texts[KEY], tls->texts[CERT]};
		*config = grpc_ssl_server_certificate_config_create(
			tls->texts[tls->texts[CLIENT_CA] ? CLIENT_CA : CERT], &pair, 1);
		port->generation = tls->generation;
	}
	pthread_mutex_unlock(&tls->lock);
	return news ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW
		    : GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
}

grpc_server_credentials *tls_credentials(struct tls *tls)
{
	struct port *port = check_calloc(1, sizeof(*port));
	*port = (struct port){.next = tls->ports, .tls = tls};
	tls->ports = port;
	grpc_ssl_server_credentials_options *options =
		grpc_ssl_server_credentials_create_options_using_config_fetcher(
			tls->files[CLIENT_CA].path
				? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
				: GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
			fetch, port);
	CHECK(options);
	return grpc_ssl_server_credentials_create_with_options(options);
}

/* --- who is there ----------------------------------------------------------------------------- */

static bool is_listed(const struct tls *tls, const grpc_auth_property *name)
{
	for (const char *const *listed = tls->bridge_names; *listed; listed++)
		if (strlen(*listed) == name->value_length &&
			strncasecmp(*listed, name->value, name->value_length) == 0)
			return true;
	return false;
}

/* A certificate's common name counts only if it has no DNS name: authorities watch over the latter
 * more than over the former. */
bool tls_is_bridge(const struct tls *tls, grpc_call *call)
{
	static const char *const kinds[] = {
		GRPC_PEER_DNS_PROPERTY_NAME, GRPC_X509_CN_PROPERTY_NAME};
	bool named = false, listed = false;
	if (!tls->files[CLIENT_CA].path || !tls->bridge_names)
		return false;
	grpc_auth_context *context = grpc_call_auth_context(call);
	for (int i = 0; context && i < 2 && !named; i++) {
		grpc_auth_property_iterator each =
			grpc_auth_context_find_properties_by_name(context, kinds[i]);
		const grpc_auth_property *name;
		while ((name = grpc_auth_property_iterator_next(&each))) {
			named = true;
			listed = listed || is_listed(tls, name);
		}
	}
	grpc_auth_context_release(context);
	return listed;
}
