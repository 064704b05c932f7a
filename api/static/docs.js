/** The OpenAPI document as a page. Text only, like everything here. */

import { element } from "./spanwise-search.js";

const home = document.getElementById("api");

function resolved(api, node) {
  return node?.$ref ? node.$ref.split("/").slice(1).reduce((at, name) => at[name], api) : node || {};
}

function kindOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(kindOf).join(" or ");
  if (schema.type === "array") return `list of ${kindOf(schema.items || {})}`;
  return schema.const !== undefined ? JSON.stringify(schema.const) : schema.enum?.map((one) => JSON.stringify(one)).join(" or ") || schema.type || "any";
}

function limits(schema) {
  const said = { minLength: "at least {} long", maxLength: "at most {} long", minimum: "at least {}", maximum: "at most {}", maxItems: "at most {}" };
  const parts = Object.entries(said).filter(([name]) => schema[name] !== undefined).map(([name, words]) => words.replace("{}", schema[name]));
  if (schema.default !== undefined && schema.default !== null) parts.push(`default ${JSON.stringify(schema.default)}`);
  return parts.join(", ");
}

function table(rows) {
  return element("table", {}, element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell))))));
}

function fields(schema) {
  return table(Object.entries(schema.properties || {}).map(([name, field]) => [
    name + (schema.required?.includes(name) ? "" : "?"), kindOf(field), [field.description, limits(field)].filter(Boolean).join(" · "),
  ]));
}

function example(schema, content) {
  const value = schema.examples?.[0] ?? Object.values(content?.examples || {})[0]?.value;
  return value === undefined ? [] : [element("pre", { tabindex: "0" }, JSON.stringify(value, null, 2))];
}

function operation(api, method, path, one) {
  const body = element("div", { class: "body" });
  const about = (one.description || "").trim();
  if (about) body.append(element("p", {}, about));
  if (one.parameters?.length) {
    body.append(element("h3", {}, "Parameters"), table(one.parameters.map((parameter) => [
      parameter.name + (parameter.required ? "" : "?"), `${kindOf(parameter.schema)}, ${parameter.in}`,
      [parameter.description, limits(parameter.schema)].filter(Boolean).join(" · "),
    ])));
  }
  for (const [type, content] of Object.entries(one.requestBody?.content || {})) {
    const schema = resolved(api, content.schema);
    body.append(element("h3", {}, `Body: ${type}`), fields(schema), ...example(schema, content));
  }
  for (const [status, answer] of Object.entries(one.responses || {})) {
    const content = Object.values(answer.content || {})[0];
    const schema = resolved(api, content?.schema);
    body.append(element("h3", {}, `${status}: ${answer.description || ""}`));
    if (Number(status) < 400) body.append(...example(schema, content));
  }
  return element("details", { id: one.operationId },
    element("summary", {}, element("span", { class: "method" }, method.toUpperCase()), element("span", { class: "path" }, path),
      element("span", { class: "about" }, one.summary || "")), body);
}

try {
  const api = await (await fetch("openapi.json")).json();
  const parts = [element("h1", {}, `${api.info.title} ${api.info.version}`), element("p", { class: "lead" }, api.info.description || "")];
  for (const tag of api.tags || []) {
    parts.push(element("h2", {}, tag.name), element("p", { class: "lead" }, tag.description || ""));
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const [method, one] of Object.entries(methods)) if (one.tags?.includes(tag.name)) parts.push(operation(api, method, path, one));
    }
  }
  home.replaceChildren(...parts);
  if (location.hash.length > 1) document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
} catch {
  home.replaceChildren(element("p", { role: "alert" }, "openapi.json could not be read."));
}
