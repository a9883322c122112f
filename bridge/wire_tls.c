/* TLS of a wire: OpenSSL between two memory BIOs. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "base/check.h"
#include "bridge/wire_parts.h"

#define PIECE 16384 /* a record of TLS has no more */

static _Thread_local char clear[PIECE];

static void fail_tls(struct wire *w, const char *what)
{
	char reason[sizeof(w->reason)];
	long verdict = SSL_get_verify_result(w->ssl);
	const char *why = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
					       : ERR_reason_error_string(ERR_peek_error());
	snprintf(reason, sizeof(reason), "%s: %s", what, why ? why : "TLS failed");
	ERR_clear_error();
	wire_fail(w, reason);
}

/* What TLS has made ready. */
static void send_sealed(struct wire *w)
{
	char *bytes;
	BIO *out = SSL_get_wbio(w->ssl);
	long size = BIO_get_mem_data(out, &bytes);
	if (size > 0)
		wire_send(w, &(uv_buf_t){bytes, (size_t)size}, 1);
	(void)BIO_reset(out);
}

void wire_tls_write(struct wire *w, const uv_buf_t *buffers, size_t count)
{
	for (size_t i = 0; i < count && w->state == WIRE_OPEN; i++)
		if (buffers[i].len && SSL_write(w->ssl, buffers[i].base, (int)buffers[i].len) <= 0)
			fail_tls(w, "writing");
	send_sealed(w);
}

static bool has_protocol(const struct wire *w)
{
	const unsigned char *protocol;
	unsigned size;
	if (!w->protocol)
		return true;
	SSL_get0_alpn_selected(w->ssl, &protocol, &size);
	return text_equal((struct text){(const char *)protocol, size}, text_of(w->protocol));
}

static void shake_hands(struct wire *w)
{
	int result = SSL_do_handshake(w->ssl);
	send_sealed(w);
	if (result != 1) {
		if (SSL_get_error(w->ssl, result) != SSL_ERROR_WANT_READ)
			fail_tls(w, "handshake");
		return;
	}
	if (has_protocol(w)) {
		wire_begin(w);
		return;
	}
	char reason[sizeof(w->reason)];
	snprintf(reason, sizeof(reason), "the server does not choose %s by ALPN", w->protocol);
	wire_fail(w, reason);
}

/* False if the name cannot be asked for. */
static bool set_name(SSL *ssl, const char *name)
{
	unsigned char address[16];
	if (uv_inet_pton(AF_INET, name, address) == 0 || uv_inet_pton(AF_INET6, name, address) == 0)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

void wire_tls_hold(struct wire *w, SSL_CTX *tls)
{
	w->tls = tls;
	if (tls)
		SSL_CTX_up_ref(tls);
}

void wire_tls_start(struct wire *w)
{
	w->ssl = SSL_new(w->tls);
	CHECK(w->ssl);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	CHECK(in && out);
	SSL_set_bio(w->ssl, in, out);
	SSL_set_connect_state(w->ssl);
	if (set_name(w->ssl, w->name))
		shake_hands(w);
	else
		fail_tls(w, "the name for the certificate");
}

/* False: nothing more is to be read now. */
static bool read_piece(struct wire *w)
{
	int size = SSL_read(w->ssl, clear, sizeof(clear));
	if (size > 0) {
		w->events->received(w->arg, (struct text){clear, (size_t)size});
		return true;
	}
	int error = SSL_get_error(w->ssl, size);
	if (error == SSL_ERROR_ZERO_RETURN)
		wire_end(w);
	else if (error != SSL_ERROR_WANT_READ)
		fail_tls(w, "reading");
	return false;
}

void wire_tls_read(const struct socket *s, struct text bytes)
{
	struct wire *w = s->wire;
	if (bytes.size)
		CHECK(BIO_write(SSL_get_rbio(w->ssl), bytes.data, (int)bytes.size) ==
			(int)bytes.size);
	if (w->state == WIRE_OPENING)
		shake_hands(w);
	while (s->wire && w->state == WIRE_OPEN && !w->ended && !w->held && read_piece(w))
		;
	if (s->wire)
		send_sealed(w);
}

bool wire_tls_has_more(const struct wire *w)
{
	return SSL_has_pending(w->ssl) || BIO_pending(SSL_get_rbio(w->ssl));
}

void wire_tls_shutdown(struct wire *w)
{
	SSL_shutdown(w->ssl);
	send_sealed(w);
	ERR_clear_error();
}

void wire_tls_free(struct wire *w)
{
	if (w->ssl && w->state == WIRE_OPEN)
		wire_tls_shutdown(w);
	SSL_free(w->ssl);
	SSL_CTX_free(w->tls);
}

SSL_CTX *wire_tls_new(const char *protocol)
{
	unsigned char protocols[16] = {(unsigned char)strlen(protocol)};
	CHECK(*protocols < sizeof(protocols));
	memcpy(protocols + 1, protocol, *protocols);
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	CHECK(tls);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	CHECK(SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1);
	CHECK(SSL_CTX_set_alpn_protos(tls, protocols, *protocols + 1u) == 0);
	return tls;
}

bool wire_tls_trust(SSL_CTX *tls, const char *ca_file)
{
	bool good = ca_file ? SSL_CTX_load_verify_file(tls, ca_file) == 1
			    : SSL_CTX_set_default_verify_paths(tls) == 1;
	ERR_clear_error();
	return good;
}

void wire_tls_release(SSL_CTX **tls)
{
	SSL_CTX_free(*tls);
	*tls = NULL;
}
