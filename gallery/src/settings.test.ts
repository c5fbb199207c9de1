import { expect, test } from "vitest";
import { readSettings } from "./settings";

const signIn = {
  issuer: "https://issuer.example",
  clientId: "gallery",
  authorizationEndpoint: "https://issuer.example/authorize",
  tokenEndpoint: "https://issuer.example/token",
  endSessionEndpoint: null,
  token: "access",
  scope: "openid",
};

test("what the server wrote is how to sign in, where drawn pictures are, and how to have some", () => {
  const local = { drawn: "https://drawn.invalid/", demo: "make demo PORT=8001" };
  expect(readSettings(JSON.stringify({ ...signIn, ...local }))).toEqual({ signIn, ...local });
});

test("a stage without sign-in has none", () => {
  expect(readSettings('{"drawn": null}')).toEqual({ signIn: null, drawn: null, demo: null });
});

test("a page that no server has filled in has nothing", () => {
  expect(readSettings("")).toEqual({ signIn: null, drawn: null, demo: null });
});
