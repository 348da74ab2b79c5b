// Windows that radiologists expect, by modality: name, center, width.

const PRESETS = {
  CT: [
    ["Tissus mous", 40, 400],
    ["Poumon", -600, 1500],
    ["Médiastin", 50, 350],
    ["Os", 400, 1800],
    ["Abdomen", 60, 400],
    ["Foie", 90, 150],
    ["Cerveau", 40, 80],
  ],
};

export function presetsFor(modality) {
  return PRESETS[modality] ?? [];
}
