// usage: node validate.js URL FILE
// Prints as JSON what is wrong with each document of the file (name to document), by the schema
// that the endpoint tells.
const fs = require("fs");
const { buildClientSchema, getIntrospectionQuery, parse, validate } = require("graphql");

const [, , url, file] = process.argv;

(async () => {
  const answer = await fetch(url, {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: getIntrospectionQuery() }),
  });
  const schema = buildClientSchema((await answer.json()).data);
  const wrong = {};
  for (const [name, document] of Object.entries(JSON.parse(fs.readFileSync(file, "utf8"))))
    for (const error of validate(schema, parse(document)))
      wrong[name] = `${error.message}: ${document}`;
  console.log(JSON.stringify(wrong));
})();
