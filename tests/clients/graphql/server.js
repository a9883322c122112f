// A stock GraphQL server: graphql-http, or Apollo's. usage: node server.js http|apollo|closed|github
// closed: Apollo's as it is in production; github: with the schema of GitHub, and no data.
// Prints its port, and serves /graphql until it is killed.
const fs = require("fs");
const http = require("http");
const path = require("path");
const { buildSchema } = require("graphql");

const sample = `
  type Query {
    user(id: ID!): User
    users(first: Int! = 10, role: Role, tags: [String!]): [User!]!
    Users: Int
    search(text: String!): [Result!]!
    node(id: ID!): Node
    whole: Whole!
    old: String @deprecated
    fail: String
    half: Half
  }
  type Mutation {
    user(id: ID!): User
    addUser(user: UserInput!): User!
    addUsers(users: [[UserInput!]!]!): Int!
  }
  type Subscription { ticks: Int }
  interface Node { id: ID! }
  type User implements Node {
    id: ID!
    name: String!
    role: Role
    secret: String @deprecated
    posts(first: Int!): Int
    address: Address
    friends: [User!]!
  }
  type Address { city: String street(long: Boolean): String country: Country }
  type Country { name: String }
  type Whole { part: Half parts: [Half!] }
  type Half { sound: String broken: String }
  union Result = User | Address
  enum Role { ADMIN GUEST }
  input UserInput { name: String! role: Role = GUEST friends: [UserInput!] }
`;

const users = new Map();
function add({ name, role }) {
  const user = { __typename: "User", id: String(users.size + 1), name, role, address: { city: "北京" } };
  user.friends = () => [...users.values()].filter((other) => other !== user);
  users.set(user.id, user);
  return user;
}
add({ name: "Ada", role: "ADMIN" });

// Functions of the root value, as graphql-js takes them, and Apollo's through its rootValue.
const rootValue = {
  user: ({ id }) => users.get(id),
  users: ({ first, role }) => [...users.values()].filter((u) => !role || u.role === role).slice(0, first),
  Users: () => users.size,
  search: () => [...users.values()],
  node: ({ id }) => users.get(id),
  fail: () => { throw new Error("it is broken"); },
  half: { sound: "sound", broken: () => { throw new Error("half of it is broken"); } },
  whole: { part: { sound: "part" } },
  addUser: ({ user }) => add(user),
  addUsers: (given) => given.users.flat().map(add).length,
};

function serve(listener) {
  const server = http.createServer((req, res) => {
    if (req.url.split("?")[0] === "/graphql") listener(req, res);
    else res.writeHead(404).end();
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

async function apollo(introspection) {
  const { ApolloServer } = require("@apollo/server");
  const { startStandaloneServer } = require("@apollo/server/standalone");
  const server = new ApolloServer({ schema: buildSchema(sample), rootValue, introspection });
  const { url } = await startStandaloneServer(server, { listen: { host: "127.0.0.1", port: 0 } });
  console.log(new URL(url).port);
}

function simple(schema) {
  serve(require("graphql-http/lib/use/http").createHandler({ schema, rootValue }));
}

({
  http: () => simple(buildSchema(sample)),
  apollo: () => apollo(true),
  closed: () => apollo(false),
  github: () => simple(buildSchema(
    // The package exports no text but to modules of ECMAScript.
    fs.readFileSync(path.join(__dirname, "node_modules/@octokit/graphql-schema/schema.graphql"), "utf8"),
    { assumeValidSDL: true })),
})[process.argv[2]]();
