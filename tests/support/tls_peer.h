/*
 * For tests: certificates made in memory, and the server's side of TLS on a peer's socket. What
 * OpenSSL refuses aborts the test program.
 */
#ifndef JUNCTION_TESTS_SUPPORT_TLS_PEER_H
#define JUNCTION_TESTS_SUPPORT_TLS_PEER_H

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"

/* One who signs, or whom he has signed. */
struct tls_party {
	EVP_PKEY *key;
	X509 *certificate;
};

static inline void tls_add(X509 *certificate, int kind, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
	CHECK(e && X509_add_ext(certificate, e, -1));
	X509_EXTENSION_free(e);
}

/* names: "DNS:localhost,IP:127.0.0.1". by NULL: an authority, signed by itself. */
static inline struct tls_party tls_party_new(const char *names, const struct tls_party *by)
{
	static long serial;
	struct tls_party p = {EVP_EC_gen("P-256"), X509_new()};
	X509_NAME *name = X509_get_subject_name(p.certificate);
	CHECK(p.key && p.certificate);
	X509_set_version(p.certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(p.certificate), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(p.certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(p.certificate), 3600);
	X509_set_pubkey(p.certificate, p.key);
	CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		(const unsigned char *)(by ? "node" : "authority"), -1, -1, 0));
	X509_set_issuer_name(p.certificate, by ? X509_get_subject_name(by->certificate) : name);
	tls_add(p.certificate, NID_basic_constraints, by ? "CA:FALSE" : "critical,CA:TRUE");
	if (by)
		tls_add(p.certificate, NID_subject_alt_name, names);
	CHECK(X509_sign(p.certificate, by ? by->key : p.key, EVP_sha256()));
	return p;
}

static inline void tls_party_free(struct tls_party *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->certificate);
}

/* Writes the certificate into a new file of that name, which ends in XXXXXX. */
static inline void tls_write(const struct tls_party *p, char *path)
{
	FILE *file = fdopen(mkstemp(path), "w");
	CHECK(file && PEM_write_X509(file, p->certificate));
	fclose(file);
}

static inline int tls_choose(SSL *ssl, const unsigned char **out, unsigned char *size,
	const unsigned char *in, unsigned in_size, void *protocol)
{
	const char *own = protocol;
	(void)ssl;
	return SSL_select_next_proto((unsigned char **)out, size, (const unsigned char *)own,
		       (unsigned)strlen(own), in, in_size) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_NOACK;
}

/* What a server of that party accepts with. protocol: "\x08http/1.1", of ALPN; NULL: none. */
static inline SSL_CTX *tls_server_new(const struct tls_party *p, const char *protocol)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	CHECK(tls && SSL_CTX_use_certificate(tls, p->certificate) == 1);
	CHECK(SSL_CTX_use_PrivateKey(tls, p->key) == 1);
	if (protocol)
		SSL_CTX_set_alpn_select_cb(tls, tls_choose, (void *)protocol);
	return tls;
}

/* NULL if the client does not want it. Freed with SSL_free(). */
static inline SSL *tls_accept(SSL_CTX *tls, int socket)
{
	SSL *ssl = SSL_new(tls);
	CHECK(ssl && SSL_set_fd(ssl, socket) == 1);
	if (SSL_accept(ssl) == 1)
		return ssl;
	SSL_free(ssl);
	return NULL;
}

#endif
