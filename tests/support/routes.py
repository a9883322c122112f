"""Asks a server about routes as a bridge does: over its unix socket."""

import grpc

import programs
import subjects
from event_streams import Reading
from identities import Identities
from own_tokens import bearer

QUICK = ("--registry-poll-ms", "50", "--auth-poll-ms", "50")


class Bridge:
    """The registry of one server, beside its channel."""

    def __init__(self, server, stubs, target=None):
        self.channel = grpc.insecure_channel(target or "unix:" + server.socket, options=[
            ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)])
        self.stubs, self.m = stubs, stubs.registry
        self.registry = stubs.registry_grpc.RegistryStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def route(self, service="demo", path="/", method="GET", token=None, key=None, space="default",
              metadata=(), **more):
        """token, key: what the caller shows; key: the id of an access key."""
        return self.registry.Route(
            self.m.RouteRequest(service=service, method=method, path=path, **more),
            timeout=programs.WAIT, metadata=self.metadata(token, key, space, metadata))

    def explain(self, path="/api/demo", token=None, key=None, space="default", **more):
        return self.registry.ExplainRoute(
            self.m.ExplainRouteRequest(path=path, **more), timeout=programs.WAIT,
            metadata=self.metadata(token, key, space))

    def metadata(self, token, key, space, more=()):
        shown = [bearer(token)] if token else []
        shown += [("authorization", subjects.basic(key))] if key else []
        return [("x-namespace", space), *shown, *more]

    def register(self, service, node, port, space="default", key=None, **more):
        return self.registry.RegisterNode(
            self.m.RegisterNodeRequest(service=service, node=node, host="10.1.2.3", port=port, **more),
            timeout=programs.WAIT, metadata=self.metadata(None, key, space))

    def update(self, service, node, key=None, **more):
        return self.registry.UpdateNode(
            self.m.UpdateNodeRequest(service=service, node=node, **more), timeout=programs.WAIT,
            metadata=self.metadata(None, key, "default"))

    def act(self, service, action, uri, method, key=None):
        """Registers an action."""
        return self.registry.RegisterService(
            self.m.RegisterServiceRequest(server_name=service, service_name=action, uri=uri,
                                          method=method),
            timeout=programs.WAIT, metadata=self.metadata(None, key, "default"))

    def auth(self, key):
        """The service Auth as who has that access key."""
        return Identities(self.stubs, self.channel, ("authorization", subjects.basic(key)))

    def watch(self):
        """A stream of WatchRoutes that has begun."""
        watch = Watch(self)
        watch.until(lambda: watch.messages)
        return watch


class Watch(Reading):
    def __init__(self, bridge):
        super().__init__(bridge.registry.WatchRoutes(bridge.m.WatchRoutesRequest()))

    def services(self):
        return [(s.namespace, s.service) for m in self.messages for s in m.services]

    def cleans(self):
        return [(c.service.namespace, c.service.service, c.rule)
                for m in self.messages for c in m.cleans]

    def callers(self):
        return sum(m.callers for m in self.messages)

    def all(self):
        return sum(m.all for m in self.messages)


def open_session(auth, application):
    """An access token of a new application."""
    auth.put_subject("application", application)
    key = auth.call("CreateAccessKey", application=application)
    return auth.call("IssueToken", access_key_id=key.key.id, secret=key.secret).access_token


def ports(answer):
    return [n.port for n in answer.nodes.nodes]
