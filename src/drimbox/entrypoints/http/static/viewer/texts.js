// What is said around an image (IHE BIR): series and place, geometry, how it was acquired.

const byId = (id) => document.getElementById(id);

const number = (value, unit, digits = 1) =>
  value === null || value === undefined ? "" : `${value.toLocaleString("fr-FR", { maximumFractionDigits: digits })}\u00a0${unit}`;
const lines = (...texts) => texts.filter(Boolean).join("\n");

/** Write the texts of one image; place is {position, count, isKeyImage}, zoom a number of pixels per column. */
export function showTexts(facts, { description, modality, number: seriesNumber }, place, window, zoom) {
  byId("text-top-left").textContent = lines(
    description || modality,
    seriesNumber === null ? "" : `Série ${seriesNumber}`,
    `Image ${place.position + 1} / ${place.count}`,
    place.isKeyImage ? "★ Image clé" : "",
    [facts.laterality, facts.view_position].filter(Boolean).join(" "),
  );
  byId("text-top-right").textContent = lines(
    facts.slice_location_mm === null ? "" : `Position ${number(facts.slice_location_mm, "mm")}`,
    facts.slice_thickness_mm === null ? "" : `Épaisseur ${number(facts.slice_thickness_mm, "mm", 2)}`,
  );
  byId("text-bottom-left").textContent = lines(
    [facts.kvp ? number(facts.kvp, "kV", 0) : "", facts.tube_current_ma ? number(facts.tube_current_ma, "mA", 0) : ""].filter(Boolean).join("  "),
    [facts.echo_time_ms ? `TE ${number(facts.echo_time_ms, "ms")}` : "", facts.repetition_time_ms ? `TR ${number(facts.repetition_time_ms, "ms", 0)}` : ""].filter(Boolean).join("  "),
    `${facts.columns} × ${facts.rows}`,
  );
  byId("text-bottom-right").textContent = lines(
    window && facts.is_monochrome ? `C ${Math.round(window[0])}  L ${Math.round(window[1])}` : "",
    `Zoom ${Math.round(zoom * 100)}\u00a0%`,
  );
  for (const side of ["left", "right", "top", "bottom"]) byId(`edge-${side}`).textContent = facts.edges[side];
  byId("viewport").setAttribute("aria-label", `${description || modality}, image ${place.position + 1} sur ${place.count}`);
}
