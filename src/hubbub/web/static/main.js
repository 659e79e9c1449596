// Starts the client.
import { html, render } from "htm/preact";

render(html`<h1>hubbub</h1>`, /** @type {HTMLElement} */ (document.getElementById("app")));
