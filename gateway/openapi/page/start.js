"use strict";

// Shows the OpenAPI document in Swagger UI. Requests tried out go to where this page came from.
const api = new URL(".", document.baseURI).href.replace(/\/$/, "");

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${answer.statusText}`);
  return answer.json();
}

// HEAD works wherever GET does; shown, it would double the list.
function withoutHeads(paths) {
  for (const item of Object.values(paths)) delete item.head;
  return paths;
}

async function start() {
  const spec = await fetched("openapi.json");
  const note = "HEAD works wherever GET does. For programs: [openapi.json](openapi.json).";
  SwaggerUIBundle({
    dom_id: "#swagger-ui",
    spec: {
      ...spec,
      info: { ...spec.info, description: `${spec.info.description}\n\n${note}` },
      servers: [{ url: api }],
      paths: withoutHeads(spec.paths),
    },
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    // Otherwise the browser asks for a password of its own, before a person has pressed "Authorize".
    requestInterceptor: (request) => ({ ...request, credentials: "omit" }),
    validatorUrl: null,
  });
}

start().catch((error) => {
  document.getElementById("swagger-ui").append(`The document cannot be shown. ${error.message}`);
});
