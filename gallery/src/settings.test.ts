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

test("what the server wrote is how to sign in, and where drawn pictures are", () => {
  const written = JSON.stringify({ ...signIn, drawn: "https://drawn.invalid/" });
  expect(readSettings(written)).toEqual({ signIn, drawn: "https://drawn.invalid/" });
});

test("a stage without sign-in has none", () => {
  expect(readSettings('{"drawn": null}')).toEqual({ signIn: null, drawn: null });
});

test("a page that no server has filled in has nothing", () => {
  expect(readSettings("")).toEqual({ signIn: null, drawn: null });
});
