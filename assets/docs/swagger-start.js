"use strict";

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#ui",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "none",
  filter: true,
  // A master key in the browser's storage would lie there for every page and person to come.
  persistAuthorization: false,
  tryItOutEnabled: true,
  // The models are shown with each operation; the list of all of them at the end only makes the page slow.
  defaultModelsExpandDepth: -1,
  // Else the document would be sent to a validator on the internet.
  validatorUrl: null,
});
