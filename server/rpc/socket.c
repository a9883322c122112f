/*
 * The file of a unix socket before it is bound. grpc itself would remove whatever socket is there,
 * a running server's too, which then never got another call.
 */
#include "server/rpc/internal.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

static bool refuse(const char *path, const char *reason)
{
	log_event(LOG_ERROR, "cannot listen", LOG_TEXT("socket", path), LOG_TEXT("reason", reason));
	return false;
}

/* 0, or why nobody answered. */
static int try_connect(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	int error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	close(fd);
	return error;
}

bool socket_clear(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat what;
	if (strlen(path) >= sizeof(address.sun_path))
		return refuse(path, "a socket's path has at most 107 bytes");
	strcpy(address.sun_path, path);
	if (lstat(path, &what) != 0)
		return errno == ENOENT || refuse(path, strerror(errno));
	if (!S_ISSOCK(what.st_mode))
		return refuse(path, "there is a file that is no socket");
	int error = try_connect(&address);
	if (error == ECONNREFUSED)
		return unlink(path) == 0 || refuse(path, strerror(errno));
	return refuse(path,
		error == 0 || error == EAGAIN ? "somebody listens there already" : strerror(error));
}
