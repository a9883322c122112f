/*
 * Keeps a node of a service registered and shows what changes, until Enter is pressed.
 *
 *     cc node.c $(pkg-config --cflags --libs junction) -o node && ./node 127.0.0.1:50051 demo 8080
 *
 * A server that asks who calls wants JUNCTION_KEY_FILE to name a key of "junction create-key".
 */
#include <junction/junction.h>
#include <junction/v1/registry.pb-c.h>
#include <stdio.h>
#include <stdlib.h>

static void happened(void *context, const struct junction_node *node,
	enum junction_node_event event, const struct junction_error *error)
{
	static const char *const words[] = {"registered", "troubled", "lost", "restored"};
	printf("%s %s\n", words[event], junction_node_name(node));
	fflush(stdout);
}

static void changed(void *context, const Registry__WatchResponse *message, bool reset)
{
	for (size_t i = 0; i < message->n_changes; i++)
		printf("change of %s\n", message->changes[i]->service);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return fputs("usage: node TARGET SERVICE PORT\n", stderr), 2;
	struct junction *j = junction_open(&(struct junction_options){
		.target = argv[1], .key_file = getenv("JUNCTION_KEY_FILE")});

	Registry__RegisterNodeRequest registration = REGISTRY__REGISTER_NODE_REQUEST__INIT;
	registration.service = argv[2];
	registration.host = "127.0.0.1";
	registration._port_case = REGISTRY__REGISTER_NODE_REQUEST___PORT_PORT;
	registration.port = atoi(argv[3]);
	struct junction_node *node = junction_node_start(j, &registration, happened, NULL);

	Registry__WatchRequest request = REGISTRY__WATCH_REQUEST__INIT;
	struct junction_watch *watch = junction_watch_start(
		j, &request, &(struct junction_watch_callbacks){.message = changed});

	getchar();
	junction_watch_stop(&watch);
	junction_node_stop(&node, NULL);
	junction_close(&j);
}
