"use strict";

const fonts = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const mono = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace';

/* Every text stands out from its ground by 4.5 to 1 at least. */
const light = {
  colors: {
    responses: { redirect: { color: "#7a4f00", backgroundColor: "#fff6e6" } },
  },
  code: "#b3261e",
};

const dark = {
  colors: {
    primary: { main: "#8ab4f8" },
    text: { primary: "#e4e7eb", secondary: "#aab2bd" },
    border: { dark: "#3a4149", light: "#2a3037" },
    gray: { 50: "#1d2126", 100: "#262b31" },
    responses: {
      success: { color: "#6fd08c", backgroundColor: "#17291d" },
      error: { color: "#ff8f8f", backgroundColor: "#331c1e" },
      redirect: { color: "#e5c07b", backgroundColor: "#2e281a" },
      info: { color: "#8ab4f8", backgroundColor: "#1a2433" },
    },
  },
  schema: {
    nestedBackground: "#1d2126",
    linesColor: "#4b5563",
    typeNameColor: "#aab2bd",
    typeTitleColor: "#aab2bd",
    requireLabelColor: "#ff8f8f",
  },
  sidebar: { backgroundColor: "#1a1e23", textColor: "#e4e7eb", activeTextColor: "#8ab4f8" },
  rightPanel: {
    backgroundColor: "#101316",
    servers: {
      overlay: { backgroundColor: "#1d2126", textColor: "#e4e7eb" },
      url: { backgroundColor: "#0b0d0f" },
    },
  },
  codeBlock: { backgroundColor: "#0b0d0f" },
  code: "#ffa19c",
};

function draw(isDark) {
  const container = document.getElementById("redoc");
  const { code, ...colors } = isDark ? dark : light;
  const theme = {
    ...colors,
    typography: {
      fontFamily: fonts,
      fontSize: "15px",
      headings: { fontFamily: fonts },
      code: { fontFamily: mono, wrap: true, color: code },
    },
  };
  Redoc.init("openapi.json", { theme, hideDownloadButton: false, expandResponses: "200,201" }, container);
}

const scheme = window.matchMedia("(prefers-color-scheme: dark)");
draw(scheme.matches);
scheme.addEventListener("change", () => window.location.reload());
