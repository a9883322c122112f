/*
 * Wire: a libuv stream, and between it and the owner OpenSSL with two memory BIOs if there is TLS.
 *
 * libuv frees nothing before its callbacks have come: the socket and the lookup of a name are
 * objects of their own, which forget the wire when that is closed. Addresses of a name are tried in
 * turn, each with a new socket. Failed writes are not looked at: reading fails too.
 */
#include "bridge/wire.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/option.h"

#define BLOCK 65536 /* bytes of one reading */

struct socket {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	uv_connect_t request;
	struct wire *wire; /* NULL: closed */
};

struct lookup {
	uv_getaddrinfo_t request; /* first */
	struct wire *wire;        /* NULL: closed */
};

struct pending {
	uv_write_t request; /* first */
	struct wire *wire;  /* NULL: closed */
	struct pending *next, **back;
	char bytes[];
};

struct wire {
	struct wire_options options;
	uv_loop_t *uv;
	enum wire_state state;
	char reason[128];
	struct lookup *lookup;
	struct addrinfo *addresses, *next; /* to be tried */
	struct socket *socket;
	struct pending *pending; /* writes */
	SSL *ssl;
	char block[BLOCK], clear[BLOCK];
};

static void fail(struct wire *w, const char *reason)
{
	if (w->state == WIRE_LOST)
		return;
	w->state = WIRE_LOST;
	snprintf(w->reason, sizeof(w->reason), "%s", reason);
}

static void fail_tls(struct wire *w, const char *what)
{
	char reason[sizeof(w->reason)];
	long verdict = SSL_get_verify_result(w->ssl);
	const char *why = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
					       : ERR_reason_error_string(ERR_peek_error());
	snprintf(reason, sizeof(reason), "%s: %s", what, why ? why : "TLS failed");
	ERR_clear_error();
	fail(w, reason);
}

/* --- writing -------------------------------------------------------------------------------- */

static void on_written(uv_write_t *request, int error)
{
	struct pending *p = (struct pending *)request;
	(void)error;
	if (p->wire) {
		*p->back = p->next;
		if (p->next)
			p->next->back = p->back;
	}
	free(p);
}

static void keep(struct wire *w, struct text bytes)
{
	struct pending *p = check_malloc(sizeof(*p) + bytes.size);
	memcpy(p->bytes, bytes.data, bytes.size);
	uv_buf_t buffer = uv_buf_init(p->bytes, (unsigned)bytes.size);
	if (uv_write(&p->request, &w->socket->stream, &buffer, 1, on_written)) {
		free(p);
		return;
	}
	p->wire = w;
	p->next = w->pending;
	p->back = &w->pending;
	if (p->next)
		p->next->back = &p->next;
	w->pending = p;
}

static void send_bytes(struct wire *w, struct text bytes)
{
	uv_buf_t buffer = uv_buf_init((char *)bytes.data, (unsigned)bytes.size);
	int sent = uv_try_write(&w->socket->stream, &buffer, 1);
	struct text rest = text_from(bytes, sent > 0 ? (size_t)sent : 0);
	if (rest.size && (sent >= 0 || sent == UV_EAGAIN))
		keep(w, rest);
}

/* What TLS has made ready. */
static void send_sealed(struct wire *w)
{
	char *bytes;
	BIO *out = SSL_get_wbio(w->ssl);
	long size = BIO_get_mem_data(out, &bytes);
	if (size > 0)
		send_bytes(w, (struct text){bytes, (size_t)size});
	(void)BIO_reset(out);
}

bool wire_takes(const struct wire *w)
{
	return w->state == WIRE_OPEN && !w->pending;
}

void wire_write(struct wire *w, struct text bytes)
{
	if (w->state != WIRE_OPEN)
		return;
	if (!w->ssl) {
		send_bytes(w, bytes);
		return;
	}
	if (SSL_write(w->ssl, bytes.data, (int)bytes.size) <= 0)
		fail_tls(w, "writing");
	send_sealed(w);
}

/* --- reading -------------------------------------------------------------------------------- */

static void shake_hands(struct wire *w)
{
	const unsigned char *protocol;
	unsigned size;
	int result = SSL_do_handshake(w->ssl);
	send_sealed(w);
	if (result != 1) {
		if (SSL_get_error(w->ssl, result) != SSL_ERROR_WANT_READ)
			fail_tls(w, "handshake");
		return;
	}
	SSL_get0_alpn_selected(w->ssl, &protocol, &size);
	if (size == 2 && !memcmp(protocol, "h2", 2))
		w->state = WIRE_OPEN;
	else
		fail(w, "the server does not speak HTTP/2");
}

static void unseal(struct wire *w, struct text bytes)
{
	CHECK(BIO_write(SSL_get_rbio(w->ssl), bytes.data, (int)bytes.size) == (int)bytes.size);
	if (w->state == WIRE_OPENING)
		shake_hands(w);
	while (w->state == WIRE_OPEN) {
		int size = SSL_read(w->ssl, w->clear, sizeof(w->clear));
		if (size > 0) {
			w->options.received(w->options.arg, (struct text){w->clear, (size_t)size});
			continue;
		}
		int error = SSL_get_error(w->ssl, size);
		if (error == SSL_ERROR_WANT_READ)
			break;
		if (error == SSL_ERROR_ZERO_RETURN)
			fail(w, "closed by the server");
		else
			fail_tls(w, "reading");
	}
	send_sealed(w);
}

static void lend_block(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
	const struct socket *s = handle->data;
	(void)wanted;
	*buffer = s->wire ? uv_buf_init(s->wire->block, BLOCK) : uv_buf_init(NULL, 0);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
	const struct socket *s = stream->data;
	struct wire *w = s->wire;
	if (!w || !size)
		return;
	if (size < 0) {
		fail(w, size == UV_EOF ? "closed by the server" : uv_strerror((int)size));
		uv_read_stop(stream);
		return;
	}
	struct text bytes = {buffer->base, (size_t)size};
	if (w->ssl)
		unseal(w, bytes);
	else
		w->options.received(w->options.arg, bytes);
}

/* --- connecting ----------------------------------------------------------------------------- */

static void free_socket(uv_handle_t *handle)
{
	free(handle->data);
}

static void drop_socket(struct wire *w)
{
	struct socket *s = w->socket;
	if (!s)
		return;
	w->socket = NULL;
	s->wire = NULL;
	uv_close(&s->handle, free_socket);
}

static struct socket *new_socket(struct wire *w)
{
	struct socket *s = check_calloc(1, sizeof(*s));
	s->wire = w;
	s->request.data = s;
	w->socket = s;
	return s;
}

/* False if the name cannot be asked for. */
static bool start_tls(struct wire *w)
{
	const char *name = w->options.name;
	unsigned char address[16];
	w->ssl = SSL_new(w->options.tls);
	CHECK(w->ssl);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	CHECK(in && out);
	SSL_set_bio(w->ssl, in, out);
	SSL_set_connect_state(w->ssl);
	if (uv_inet_pton(AF_INET, name, address) == 0 || uv_inet_pton(AF_INET6, name, address) == 0)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(w->ssl), name) == 1;
	return SSL_set1_host(w->ssl, name) == 1 && SSL_set_tlsext_host_name(w->ssl, name) == 1;
}

static void try_next(struct wire *w);

static void on_connected(uv_connect_t *request, int error)
{
	struct socket *s = request->data;
	struct wire *w = s->wire;
	if (!w)
		return;
	if (error) {
		drop_socket(w);
		snprintf(w->reason, sizeof(w->reason), "%s", uv_strerror(error));
		try_next(w);
		return;
	}
	CHECK(uv_read_start(&s->stream, lend_block, on_read) == 0);
	if (!w->options.tls)
		w->state = WIRE_OPEN;
	else if (start_tls(w))
		shake_hands(w);
	else
		fail_tls(w, "the name for the certificate");
}

static void try_next(struct wire *w)
{
	while (w->next) {
		const struct addrinfo *address = w->next;
		struct socket *s = new_socket(w);
		w->next = address->ai_next;
		CHECK(uv_tcp_init(w->uv, &s->tcp) == 0);
		s->handle.data = s;
		uv_tcp_nodelay(&s->tcp, 1);
		int error = uv_tcp_connect(&s->request, &s->tcp, address->ai_addr, on_connected);
		if (!error)
			return;
		drop_socket(w);
		snprintf(w->reason, sizeof(w->reason), "%s", uv_strerror(error));
	}
	w->state = WIRE_LOST;
}

static void on_found(uv_getaddrinfo_t *request, int error, struct addrinfo *found)
{
	struct lookup *lookup = (struct lookup *)request;
	struct wire *w = lookup->wire;
	free(lookup);
	if (!w) {
		uv_freeaddrinfo(found);
		return;
	}
	w->lookup = NULL;
	if (error) {
		fail(w, uv_strerror(error));
		return;
	}
	w->addresses = w->next = found;
	try_next(w);
}

/* A numeric address is known at once. */
static void look_up(struct wire *w, const char *host, const char *port)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	if (!getaddrinfo(host, port, &hints, &w->addresses)) {
		w->next = w->addresses;
		try_next(w);
		return;
	}
	hints.ai_flags = AI_NUMERICSERV;
	w->lookup = check_calloc(1, sizeof(*w->lookup));
	w->lookup->wire = w;
	int error = uv_getaddrinfo(w->uv, &w->lookup->request, on_found, host, port, &hints);
	if (error) {
		free(w->lookup);
		w->lookup = NULL;
		fail(w, uv_strerror(error));
	}
}

static void connect_unix(struct wire *w, const char *path)
{
	struct socket *s = new_socket(w);
	CHECK(uv_pipe_init(w->uv, &s->pipe, 0) == 0);
	s->handle.data = s;
	uv_pipe_connect(&s->request, &s->pipe, path, on_connected);
}

struct wire *wire_open(uv_loop_t *uv, const struct wire_options *options)
{
	struct wire *w = check_calloc(1, sizeof(*w));
	char host[256], service[8];
	int port;
	w->options = *options;
	w->uv = uv;
	if (options->tls)
		SSL_CTX_up_ref(options->tls);
	if (!strncmp(options->target, "unix:", 5)) {
		connect_unix(w, options->target + 5);
	} else if (option_address(options->target, host, &port) && *host) {
		snprintf(service, sizeof(service), "%d", port);
		look_up(w, host, service);
	} else {
		fail(w, "not ADDRESS:PORT or unix:PATH");
	}
	return w;
}

void wire_close(struct wire **wire)
{
	struct wire *w = *wire;
	if (!w)
		return;
	if (w->ssl && w->state == WIRE_OPEN) {
		SSL_shutdown(w->ssl);
		send_sealed(w);
	}
	ERR_clear_error();
	for (struct pending *p = w->pending; p; p = p->next)
		p->wire = NULL;
	if (w->lookup) {
		w->lookup->wire = NULL;
		uv_cancel((uv_req_t *)&w->lookup->request);
	}
	drop_socket(w);
	if (w->addresses)
		uv_freeaddrinfo(w->addresses);
	SSL_free(w->ssl);
	SSL_CTX_free(w->options.tls);
	free(w);
	*wire = NULL;
}

enum wire_state wire_state(const struct wire *w)
{
	return w->state;
}

const char *wire_reason(const struct wire *w)
{
	return w->reason;
}
