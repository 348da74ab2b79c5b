// The exam that is seen, exported to a PACS or a workstation without leaving it (VI-CO.42).

import { Exports, isOver, stateText } from "/static/exports.js";

const byId = (id) => document.getElementById(id);
const { context, formToken, study } = document.body.dataset;
const button = document.querySelector('[data-action="export"]');
const panel = byId("export");
const state = byId("export-state");
const exports_ = new Exports({ context, formToken }, show);

export function toggleExport() {
  if (!panel) return;
  panel.hidden = !panel.hidden;
  button.setAttribute("aria-pressed", String(!panel.hidden));
  if (panel.hidden) return;
  panel.querySelector("select").focus();
  exports_.follow();
}

function show(list) {
  const last = list.filter((one) => one.study === study).at(-1);
  if (!last) return;
  state.textContent = `${last.destination} · ${stateText(last)}`;
  state.dataset.state = last.state;
  panel.querySelector("button").disabled = !isOver(last);
}

async function request(event) {
  event.preventDefault();
  const submit = panel.querySelector("button");
  submit.disabled = true;
  try {
    await exports_.request(new FormData(panel), [study]);
  } catch {
    state.textContent = "L'export n'a pas pu être demandé. Réessayez dans un instant.";
    submit.disabled = false;
  }
}

panel?.addEventListener("submit", request);
