// The peer of json_rate.c: C++ protobuf's own JSON, into a message that is used again and again.
// Same usage, same output, defaults written likewise.
#include <google/protobuf/util/json_util.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "junction/v1/trial.pb.h"

namespace util = google::protobuf::util;

namespace
{

constexpr int BATCH = 32;

void check(const util::Status &status)
{
	if (status.ok())
		return;
	std::cerr << "bench_json_cpp: " << status.ToString() << "\n";
	std::exit(1);
}

void go_round(junction::v1::Everything &message, const std::string &json, std::string &back)
{
	util::JsonPrintOptions options;
	options.always_print_primitive_fields = true;
	check(util::JsonStringToMessage(json, &message));
	back.clear();
	check(util::MessageToJsonString(message, &back, options));
}

double cpu_seconds()
{
	timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 2 && argc != 3)
		return 2;
	std::ifstream file(argv[1], std::ios::binary);
	std::string json((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
	std::string back;
	junction::v1::Everything message;
	go_round(message, json, back);
	if (argc == 2) {
		std::cout << back;
		return 0;
	}
	size_t messages = 0;
	double seconds = std::atof(argv[2]), begin = cpu_seconds(), used = 0;
	for (; used < seconds; used = cpu_seconds() - begin) {
		for (int i = 0; i < BATCH; i++)
			go_round(message, json, back);
		messages += BATCH;
	}
	std::printf("{\"mb_per_s\":%.2f,\"messages\":%zu}\n",
		static_cast<double>(messages) * static_cast<double>(json.size()) / used / 1e6, messages);
	return 0;
}
