/** What this device is called in the list of those that are signed in: Firefox, Linux. */

const BROWSERS = {
  Edge: /\bEdg/,
  Opera: /\bOPR\//,
  Firefox: /\b(Firefox|FxiOS)\//,
  Chrome: /Chrom(e|ium)\/|CriOS/,
  Safari: /\bSafari\//,
};
const SYSTEMS = {
  Android: /Android/,
  iPhone: /iPhone/,
  iPad: /iPad/,
  ChromeOS: /CrOS/,
  Windows: /Windows/,
  macOS: /Mac OS X/,
  Linux: /Linux/,
};

/** @param {string} agent */
export function deviceName(agent = navigator.userAgent) {
  const [browser, system] = [BROWSERS, SYSTEMS].map(
    (names) => Object.entries(names).find(([, pattern]) => pattern.test(agent))?.[0],
  );
  return [browser, system].filter(Boolean).join(", ");
}
