/**
 * REST: one request, one answer, or a Problem. Paths are relative to the page, which may be served under a prefix.
 *
 * @import {Profile} from "../core/types.d.ts"
 * @import {Tokens} from "./tokens.js"
 * @typedef {{body?: unknown, query?: Record<string, string | number | number[] | null | undefined>, token?: boolean, as?: string}} Options
 */

import { NOT_UNDERSTOOD, Problem, UNREACHABLE } from "../core/problems.js";

const TIMEOUT = 20_000; // milliseconds until an answer must be complete

export class Api {
  /** @type {Tokens | null} */
  tokens = null;

  /** @param {string} base the address of the page */
  constructor(base) {
    this.base = base;
  }

  /**
   * @param {string} path
   * @param {Options['query']} [query] what is null or undefined is left out
   * @returns {Promise<any>}
   */
  get(path, query) {
    return this.request("GET", path, { query });
  }

  /**
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  post(path, body) {
    return this.request("POST", path, { body });
  }

  /**
   * With the session's token, which is renewed once if it has expired; `token: false` is without one, `as` with another.
   *
   * @param {string} method
   * @param {string} path
   * @param {Options} [options]
   * @returns {Promise<any>} the body, null without one
   */
  async request(method, path, options = {}) {
    const tokens = options.token === false ? null : this.tokens;
    if (tokens === null || options.as !== undefined) return this.#send(method, path, options, options.as ?? null);
    const { user } = tokens;
    const token = await tokens.token();
    try {
      return await this.#asked(user, this.#send(method, path, options, token));
    } catch (error) {
      const refused = error instanceof Problem && (error.code === "token_expired" || error.code === "unauthenticated");
      if (!refused) throw error;
    }
    return this.#asked(user, this.#send(method, path, options, await tokens.renew(token)));
  }

  /**
   * An answer for this user, and for nobody who has signed in meanwhile.
   *
   * @param {Profile | null} user
   * @param {Promise<any>} answer
   */
  async #asked(user, answer) {
    const found = await answer;
    if (this.tokens?.user?.id !== user?.id) throw new Problem("unauthenticated");
    return found;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Options} options
   * @param {string | null} token
   */
  async #send(method, path, { body, query }, token) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    let response;
    let text;
    try {
      response = await fetch(this.#url(path, query), {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT),
      });
      text = await response.text();
    } catch (error) {
      throw new Problem(UNREACHABLE, { detail: String(error) });
    }
    if (response.ok) return text === "" ? null : read(text);
    throw refusal(response, text);
  }

  /**
   * @param {string} path
   * @param {Options['query']} query
   */
  #url(path, query = {}) {
    const url = new URL(path, this.base);
    for (const [name, value] of Object.entries(query)) {
      if (value === null || value === undefined) continue;
      for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(one));
    }
    return url;
  }
}

/** @param {string} text */
function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(NOT_UNDERSTOOD, { detail: "the answer is not JSON" });
  }
}

/**
 * A refusal in the words of the server; what stands in front of it (a proxy, a captive portal) has others.
 *
 * @param {Response} response
 * @param {string} text
 */
function refusal(response, text) {
  const seconds = Number(response.headers.get("Retry-After"));
  const retryAfter = seconds > 0 ? seconds * 1000 : undefined;
  if (response.headers.get("Content-Type")?.startsWith("application/problem+json")) {
    const { code, detail, errors } = read(text);
    return new Problem(String(code), { detail, field: errors?.[0]?.field, retryAfter });
  }
  const code = response.status >= 500 || response.status === 429 ? "unavailable" : NOT_UNDERSTOOD;
  return new Problem(code, { detail: `${response.status} ${response.statusText}`, retryAfter });
}
