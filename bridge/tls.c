/*
 * TLS: an identity is what one reading of the files gave, and constant; handshakes hold a
 * reference to the present one while they use it.
 *
 * libmicrohttpd loads certificates and authorities once, but asks a callback for each handshake's
 * certificate. There the session is also told to require the client's certificate and to have it
 * verified by us, which ends the handshake if it is none of ours: no request is read before. The
 * certificate and key are copied for each session, which frees its copies.
 */
#include "bridge/tls.h"

#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/log.h"

#define CHAIN_MAX   16 /* certificates */
#define KEY_ID_SIZE 32

struct identity {
	atomic_int references;
	gnutls_x509_crt_t *chain; /* our own first */
	unsigned chain_size;
	gnutls_x509_privkey_t key;
	gnutls_x509_trust_list_t clients; /* NULL: they need no certificate */
};

static struct {
	struct watched_file files[TLS_FILES]; /* without texts, but while they are read */
	pthread_mutex_t lock;                 /* guards identity */
	struct identity *identity;            /* NULL: no TLS */
} http = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- judging -------------------------------------------------------------------------------- */

static bool refuse(char reason[FILES_REASON_SIZE], const struct watched_file *f, const char *why)
{
	snprintf(reason, FILES_REASON_SIZE, "%s %s: %s", f->option, f->path, why);
	return false;
}

static gnutls_datum_t datum_of(const struct watched_file *f)
{
	return (gnutls_datum_t){(unsigned char *)f->text, (unsigned)strlen(f->text)};
}

static void identity_drop(struct identity *identity)
{
	if (!identity || atomic_fetch_sub(&identity->references, 1) > 1)
		return;
	for (unsigned i = 0; i < identity->chain_size; i++)
		gnutls_x509_crt_deinit(identity->chain[i]);
	gnutls_free(identity->chain);
	if (identity->key)
		gnutls_x509_privkey_deinit(identity->key);
	if (identity->clients)
		gnutls_x509_trust_list_deinit(identity->clients, 1);
	free(identity);
}

static bool is_own_key(const struct identity *identity)
{
	unsigned char of_cert[KEY_ID_SIZE], of_key[KEY_ID_SIZE];
	size_t cert_size = sizeof(of_cert), key_size = sizeof(of_key);
	return !gnutls_x509_crt_get_key_id(
		       identity->chain[0], GNUTLS_KEYID_USE_SHA256, of_cert, &cert_size) &&
	       !gnutls_x509_privkey_get_key_id(
		       identity->key, GNUTLS_KEYID_USE_SHA256, of_key, &key_size) &&
	       cert_size == key_size && !memcmp(of_cert, of_key, key_size);
}

static bool read_pair(
	struct identity *identity, const struct watched_file *files, char reason[FILES_REASON_SIZE])
{
	const struct watched_file *cert = &files[TLS_CERT], *key = &files[TLS_KEY];
	if (!cert->path)
		return true;
	gnutls_datum_t chain = datum_of(cert), secret = datum_of(key);
	if (gnutls_x509_crt_list_import2(
		    &identity->chain, &identity->chain_size, &chain, GNUTLS_X509_FMT_PEM, 0) < 0)
		return refuse(reason, cert, "holds no certificate in PEM form, or a broken one");
	if (identity->chain_size > CHAIN_MAX)
		return refuse(reason, cert, "holds more than 16 certificates");
	CHECK(!gnutls_x509_privkey_init(&identity->key));
	if (gnutls_x509_privkey_import2(identity->key, &secret, GNUTLS_X509_FMT_PEM, NULL, 0) < 0)
		return refuse(reason, key, "holds no key in PEM form, or one with a passphrase");
	if (!is_own_key(identity)) {
		snprintf(reason, FILES_REASON_SIZE,
			"%s %s: is not the key of the certificate in %s", key->option, key->path,
			cert->option);
		return false;
	}
	return true;
}

static bool read_authorities(
	struct identity *identity, const struct watched_file *ca, char reason[FILES_REASON_SIZE])
{
	if (!ca->path)
		return true;
	gnutls_x509_crt_t *list;
	unsigned count;
	gnutls_datum_t text = datum_of(ca);
	if (gnutls_x509_crt_list_import2(&list, &count, &text, GNUTLS_X509_FMT_PEM, 0) < 0)
		return refuse(reason, ca, "holds no certificate in PEM form, or a broken one");
	CHECK(!gnutls_x509_trust_list_init(&identity->clients, 0));
	/* The list's certificates are the trust list's from now on. */
	int added = gnutls_x509_trust_list_add_cas(identity->clients, list, count, 0);
	gnutls_free(list);
	return added > 0 || refuse(reason, ca, "holds no certificate of an authority");
}

static void log_chain(const char *event, const struct identity *identity, const char *path)
{
	char expires[32];
	struct tm tm;
	time_t end = gnutls_x509_crt_get_expiration_time(identity->chain[0]);
	gmtime_r(&end, &tm);
	strftime(expires, sizeof(expires), "%Y-%m-%dT%H:%M:%SZ", &tm);
	log_event(LOG_INFO, event, LOG_TEXT("file", path), LOG_TEXT("expires", expires));
	if (end < time(NULL))
		log_event(LOG_WARN, "certificate has expired", LOG_TEXT("file", path),
			LOG_TEXT("expired", expires));
}

/* With one reference; NULL with the reason. The texts stay in files. */
static struct identity *identity_read(struct watched_file *files, char reason[FILES_REASON_SIZE])
{
	if (!files_read(files, TLS_FILES, reason))
		return NULL;
	struct identity *identity = check_calloc(1, sizeof(*identity));
	identity->references = 1;
	if (!read_pair(identity, files, reason) ||
		!read_authorities(identity, &files[TLS_CA], reason)) {
		identity_drop(identity);
		files_forget(files, TLS_FILES);
		return NULL;
	}
	return identity;
}

static void log_read(
	const char *event, const struct identity *identity, const struct watched_file *files)
{
	if (identity->chain)
		log_chain(event, identity, files[TLS_CERT].path);
	else
		log_event(LOG_INFO, event, LOG_TEXT("file", files[TLS_CA].path));
}

bool tls_read(
	struct watched_file files[TLS_FILES], const char *event, char reason[FILES_REASON_SIZE])
{
	struct identity *identity = identity_read(files, reason);
	if (!identity)
		return false;
	log_read(event, identity, files);
	identity_drop(identity);
	return true;
}

/* --- the identity towards HTTP clients ------------------------------------------------------ */

static struct identity *take_identity(void)
{
	pthread_mutex_lock(&http.lock);
	struct identity *identity = http.identity;
	if (identity)
		atomic_fetch_add(&identity->references, 1);
	pthread_mutex_unlock(&http.lock);
	return identity;
}

static void put_identity(struct identity *identity)
{
	pthread_mutex_lock(&http.lock);
	struct identity *old = http.identity;
	http.identity = identity;
	pthread_mutex_unlock(&http.lock);
	identity_drop(old);
}

/* It is logged when it counts. */
static bool read_http(const char *event, char reason[FILES_REASON_SIZE])
{
	struct identity *identity = identity_read(http.files, reason);
	files_forget(http.files, TLS_FILES);
	if (!identity)
		return false;
	atomic_fetch_add(&identity->references, 1);
	put_identity(identity);
	log_read(event, identity, http.files);
	identity_drop(identity);
	return true;
}

bool tls_open(const char *cert, const char *key, const char *client_ca)
{
	char reason[FILES_REASON_SIZE];
	http.files[TLS_CERT] = (struct watched_file){"--tls-cert", cert};
	http.files[TLS_KEY] = (struct watched_file){"--tls-key", key};
	http.files[TLS_CA] = (struct watched_file){"--tls-client-ca", client_ca};
	if (read_http("certificates read", reason))
		return true;
	log_event(LOG_ERROR, "cannot use TLS", LOG_TEXT("reason", reason));
	return false;
}

void tls_close(void)
{
	put_identity(NULL);
}

bool tls_is_open(void)
{
	struct identity *identity = take_identity();
	identity_drop(identity);
	return identity != NULL;
}

void tls_refresh(bool now)
{
	char reason[FILES_REASON_SIZE];
	if (!tls_is_open() || (!now && !files_changed(http.files, TLS_FILES)))
		return;
	if (!read_http("certificates reloaded", reason))
		log_event(LOG_ERROR, "certificates not reloaded, the old ones stay",
			LOG_TEXT("reason", reason));
}

/* --- handshakes ----------------------------------------------------------------------------- */

static bool is_known_client(const struct identity *identity, gnutls_session_t session)
{
	gnutls_x509_crt_t chain[CHAIN_MAX];
	gnutls_typed_vdata_st purpose = {
		GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT, 0};
	unsigned count, imported = 0, faults = 1;
	const gnutls_datum_t *sent = gnutls_certificate_get_peers(session, &count);
	if (!sent || !count || count > CHAIN_MAX)
		return false;
	for (; imported < count; imported++) {
		CHECK(!gnutls_x509_crt_init(&chain[imported]));
		if (gnutls_x509_crt_import(chain[imported], &sent[imported], GNUTLS_X509_FMT_DER)) {
			gnutls_x509_crt_deinit(chain[imported]);
			break;
		}
	}
	bool known = imported == count &&
		     !gnutls_x509_trust_list_verify_crt2(
			     identity->clients, chain, count, &purpose, 1, 0, &faults, NULL) &&
		     !faults;
	while (imported)
		gnutls_x509_crt_deinit(chain[--imported]);
	return known;
}

static int verify_client(gnutls_session_t session)
{
	struct identity *identity = take_identity();
	bool known = identity && identity->clients && is_known_client(identity, session);
	identity_drop(identity);
	return known ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

/* GnuTLS frees the copies when the session ends. */
static void copy_pair(const struct identity *identity, gnutls_pcert_st **certs,
	unsigned *certs_length, gnutls_privkey_t *key)
{
	*certs = gnutls_calloc(identity->chain_size, sizeof(**certs));
	CHECK(*certs);
	for (unsigned i = 0; i < identity->chain_size; i++)
		CHECK(!gnutls_pcert_import_x509(&(*certs)[i], identity->chain[i], 0));
	*certs_length = identity->chain_size;
	CHECK(!gnutls_privkey_init(key));
	CHECK(!gnutls_privkey_import_x509(*key, identity->key, GNUTLS_PRIVKEY_IMPORT_COPY));
}

int tls_choose(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
	gnutls_pcert_st **certs, unsigned *certs_length, gnutls_ocsp_data_st **ocsp,
	unsigned *ocsp_length, gnutls_privkey_t *privkey, unsigned *flags)
{
	struct identity *identity = take_identity();
	if (!identity)
		return GNUTLS_E_NO_CERTIFICATE_FOUND;
	copy_pair(identity, certs, certs_length, privkey);
	*ocsp = NULL;
	*ocsp_length = 0;
	*flags = GNUTLS_CERT_RETR_DEINIT_ALL;
	if (identity->clients) {
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_function(session, verify_client);
	}
	identity_drop(identity);
	return 0;
}
