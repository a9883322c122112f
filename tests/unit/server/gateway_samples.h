/* The samples of document 003's appendix, word for word. */
#ifndef JUNCTION_TESTS_UNIT_SERVER_GATEWAY_SAMPLES_H
#define JUNCTION_TESTS_UNIT_SERVER_GATEWAY_SAMPLES_H

#define SAMPLE_SERVICE                                                                             \
	"{\n"                                                                                      \
	"code: \"mw-ahtu\",\n"                                                                     \
	"name: \"中间件-权限服务\",\n"                                                      \
	"settings: {\n"                                                                            \
	"// 此处写配置内容\n"                                                               \
	"// routes、rateLimit、cacher等\n"                                                      \
	"}\n"                                                                                      \
	"}\n"

#define SAMPLE_RATE_LIMIT                                                                          \
	"{\n"                                                                                      \
	"rateLimit: {\n"                                                                           \
	"// How long to keep record of requests in memory (in milliseconds).\n"                    \
	"// Defaults to 60000 (1 min)\n"                                                           \
	"window: 60 \\* 1000,\n"                                                                   \
	"// Max number of requests during window. Defaults to 30\n"                                \
	"limit: 30,\n"                                                                             \
	"// Set rate limit headers to response. Defaults to false\n"                               \
	"headers: true,\n"                                                                         \
	"// Function used to generate keys. Defaults to:\n"                                        \
	"key: (req) => {\n"                                                                        \
	"return req.headers\\[\"x-forwarded-for\"\\] ||\n"                                         \
	"req.connection.remoteAddress ||\n"                                                        \
	"req.socket.remoteAddress ||\n"                                                            \
	"req.connection.socket.remoteAddress;\n"                                                   \
	"},\n"                                                                                     \
	"}\n"                                                                                      \
	"}\n"

#define SAMPLE_ROUTES                                                                              \
	"{\n"                                                                                      \
	"routes: [{\n"                                                                             \
	"path: \"/API\",\n"                                                                        \
	"// Use bodyparser modules\n"                                                              \
	"bodyParsers: {\n"                                                                         \
	"json: { limit: \"2MB\" },\n"                                                              \
	"urlencoded: { extended: true, limit: \"2MB\" }\n"                                         \
	"}\n"                                                                                      \
	"}]\n"                                                                                     \
	"}\n"

#define SAMPLE_CACHER_MEMORY                                                                       \
	"{\n"                                                                                      \
	"cacher: {\n"                                                                              \
	"type: \"Memory\",\n"                                                                      \
	"options: {\n"                                                                             \
	"ttl: 30 // Set Time-to-live to 30sec. Disabled: 0 or null\n"                              \
	"clone: true // Deep-clone the returned value\n"                                           \
	"}\n"                                                                                      \
	"}\n"                                                                                      \
	"}\n"

#define SAMPLE_CACHER_REDIS                                                                        \
	"{\n"                                                                                      \
	"cacher: {\n"                                                                              \
	"type: \"Redis\",\n"                                                                       \
	"options: {\n"                                                                             \
	"// Prefix for keys\n"                                                                     \
	"prefix: \"MOL\",\n"                                                                       \
	"// set Time-to-live to 30sec.\n"                                                          \
	"ttl: 30,\n"                                                                               \
	"// Turns Redis client monitoring on.\n"                                                   \
	"monitor: false\n"                                                                         \
	"// Redis settings\n"                                                                      \
	"redis: {\n"                                                                               \
	"host: \"redis-Server\",\n"                                                                \
	"port: 6379,\n"                                                                            \
	"password: \"1234\",\n"                                                                    \
	"db: 0\n"                                                                                  \
	"}\n"                                                                                      \
	"}\n"                                                                                      \
	"}\n"                                                                                      \
	"}\n"

#define SAMPLE_EVENTS                                                                              \
	"{\n"                                                                                      \
	"events: {\n"                                                                              \
	"// Subscribe to \\`user.created\\` event\n"                                               \
	"\"user.created\",\n"                                                                      \
	"// Subscribe to all \\`user\\` events, e.g. \"user.created\", or \"user.removed\"\n"      \
	"\"user.\\*\"\n"                                                                           \
	"}\n"                                                                                      \
	"}\n"

#define SAMPLE_PROXY                                                                               \
	"{\n"                                                                                      \
	"code: \"db-rtdata\",\n"                                                                   \
	"name: \"数据\\-模块名称\",\n"                                                       \
	"settings: {\n"                                                                            \
	"restAPIs: \"\",\n"                                                                        \
	"websocketAPIs: [\n"                                                                       \
	"\" \"\n"                                                                                  \
	"],\n"                                                                                     \
	"GraphQL: \"\",\n"                                                                         \
	"//其他配置同中间件服务配置\n"                                                 \
	"}\n"                                                                                      \
	"}\n"

#endif
