// graphql-request, a stock client. usage: node client.js URL
// Prints what it has seen as JSON.
const url = process.argv[2];

// It is a module of ECMAScript.
import("graphql-request").then(async ({ GraphQLClient, gql }) => {
  const post = new GraphQLClient(url);
  // Apollo's asks for a header that no form can send.
  const get = new GraphQLClient(url, { method: "GET", headers: { "apollo-require-preflight": "true" } });
  const user = gql`query user($id: ID!) { user(id: $id) { id name address { city } } }`;
  const add = gql`mutation add($user: UserInput!) { addUser(user: $user) { id name } }`;
  const errors = async (promise) => {
    try {
      return { answered: await promise };
    } catch ({ response }) {
      return { status: response.status, data: response.data, errors: response.errors.map((e) => e.message) };
    }
  };
  const raw = await post.rawRequest("{ users { name } }");
  console.log(JSON.stringify({
    posted: await post.request(user, { id: "1" }),
    got: await get.request(user, { id: "1" }),
    added: await post.request(add, { user: { name: "é😀" } }),
    batch: await Promise.all(Array.from({ length: 50 }, (_, i) =>
      post.request(`{ u${i}: user(id: "1") { id } }`).then((data) => `u${i}` in data))),
    type: raw.headers.get("content-type"),
    broken: await errors(post.request("{ fail half { sound broken } }")),
    wrong: await errors(post.request("{ nothing }")),
    unparsed: await errors(get.request("{")),
    schema: (await post.request("{ __schema { queryType { name } } }")).__schema.queryType.name,
  }));
});
