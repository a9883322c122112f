// The peer of junction-bridge: grpc-gateway with its defaults, in front of the same server.
//
// usage: bench_gateway SERVER   prints "listening http ADDRESS" and "ready", ends with SIGTERM
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/grpc-ecosystem/grpc-gateway/runtime"
	"google.golang.org/grpc"
	"junction/api"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench_gateway:", err)
		os.Exit(1)
	}
}

func main() {
	if len(os.Args) != 2 {
		check(fmt.Errorf("usage: bench_gateway SERVER"))
	}
	mux := runtime.NewServeMux()
	check(api.RegisterRegistryHandlerFromEndpoint(context.Background(), mux, os.Args[1],
		[]grpc.DialOption{grpc.WithInsecure(), grpc.WithBlock()}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Printf("listening http %s\nready\n", listener.Addr())
	check(http.Serve(listener, mux))
}
