// How much of a series has come, and how long the rest will take.

const byId = (id) => document.getElementById(id);

export function showArrival({ loaded, total, secondsLeft }) {
  byId("loaded").max = total;
  byId("loaded").value = loaded;
  const images = `${loaded} / ${total} images`;
  byId("loaded-text").textContent = loaded < total ? [images, timeLeft(secondsLeft)].filter(Boolean).join(", ") : "Série complète";
}

function timeLeft(seconds) {
  if (seconds < 1) return "";
  return seconds < 90 ? `encore ${Math.ceil(seconds)} s` : `encore ${Math.round(seconds / 60)} min`;
}
