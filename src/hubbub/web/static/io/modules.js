/** Files of the client that are wanted later. */

/**
 * Fetch what an import will need; rejects when it cannot be had. To the end of the page a browser remembers of a module
 * that it could not be fetched, and asks for it no more: so it must not import before it has it.
 *
 * @param {(string | URL)[]} urls
 */
export async function obtain(...urls) {
  const answers = await Promise.all(urls.map((url) => fetch(url)));
  await Promise.all(answers.map((answer) => answer.arrayBuffer())); // then it is in the browser's cache
  if (!answers.every(({ ok }) => ok)) throw new Error("a file cannot be had");
}
