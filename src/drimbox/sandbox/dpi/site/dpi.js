// The stand-in DPI: a patient is picked, a call is made, its body is shown.

const byId = (id) => document.getElementById(id);
const hospital = await (await fetch("/hospital.json")).json();
const form = byId("call");
const LABELS = {
  "Patient.name.family": "Nom de naissance",
  "Patient.name.given": "Premier prénom",
  "Patient.gender": "Sexe",
  "Patient.birthDate": "Naissance",
  "Address.district": "Lieu (COG)",
  "Patient.identifier.value": "INS",
  PatientID: "IPP",
};
let patient = hospital.patients[0];

byId("establishment").textContent = hospital.establishment;
form.action = hospital.call_url;
for (const { value, name } of hospital.situations) byId("situation").add(new Option(`${name} (${value})`, value));
hospital.patients.forEach(addPatient);
hospital.wrong_calls.forEach(addWrongCall);
byId("study").addEventListener("change", fillFixed);
form.addEventListener("input", showBody);
form.addEventListener("submit", dropEmpty);
byId("by-script").addEventListener("click", callByScript);
choose(patient);

function addPatient(one) {
  const item = byId("patient-item").content.firstElementChild.cloneNode(true);
  const { parameters, studies } = one;
  item.querySelector("strong").textContent = `${parameters["Patient.name.family"]} ${parameters["Patient.name.given"]}`;
  item.querySelector("span").textContent = `${day(parameters["Patient.birthDate"])} · ${studies.length} examen${studies.length > 1 ? "s" : ""}`;
  const button = item.querySelector("button");
  button.addEventListener("click", () => choose(one));
  one.button = button;
  byId("patients").append(item);
}

function choose(one) {
  patient = one;
  for (const { button } of hospital.patients) button.setAttribute("aria-current", String(button === one.button));
  byId("record-title").textContent = one.button.querySelector("strong").textContent;
  byId("traits").replaceChildren(...Object.entries(LABELS).map(([name, label]) => trait(label, shown(name, one.parameters[name]))));
  const select = byId("study");
  select.replaceChildren(new Option("Non, la liste", ""));
  one.studies.forEach((study, index) => {
    const state = study.is_published ? "" : " (pas dans le DMP)";
    select.add(new Option(`${study.day} ${study.title}${state}`, index));
  });
  fillFixed();
}

function trait(label, value) {
  const box = document.createElement("div");
  const term = document.createElement("dt");
  const text = document.createElement("dd");
  term.textContent = label;
  text.textContent = value;
  box.append(term, text);
  return box;
}

function shown(name, value) {
  return name === "Patient.birthDate" ? day(value) : value;
}

function day(text) {
  return `${text.slice(6)}/${text.slice(4, 6)}/${text.slice(0, 4)}`;
}

function fillFixed() {
  const index = byId("study").value;
  const study = index === "" ? {} : { StudyInstanceUID: patient.studies[index].parameters.StudyInstanceUID };
  const inputs = Object.entries({ ...patient.parameters, ...study }).map(([name, value]) => {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    return input;
  });
  byId("fixed").replaceChildren(...inputs);
  showBody();
}

function body() {
  const parameters = new URLSearchParams(new FormData(form));
  for (const [name, value] of [...parameters]) if (!value) parameters.delete(name);
  return parameters;
}

function showBody() {
  byId("body").textContent = `POST ${hospital.call_url}\nContent-Type: application/x-www-form-urlencoded\n\n${body().toString().replaceAll("&", "&\n")}`;
}

/** An empty optional value need not be sent. */
function dropEmpty() {
  const empty = [...form.elements].filter((field) => field.name && !field.value);
  for (const field of empty) field.disabled = true;
  setTimeout(() => empty.forEach((field) => (field.disabled = false)));
}

async function callByScript() {
  // Opened at once, while the click still allows it; navigated once the box has answered.
  const tab = window.open("about:blank", "_blank");
  const answer = await fetch(hospital.call_url, { method: "POST", body: body(), headers: { Accept: "application/json" } });
  const told = await answer.json();
  if (answer.ok) tab.location = told.page;
  else {
    tab.close();
    byId("body").textContent = JSON.stringify(told, null, 2);
    byId("body").closest("details").open = true;
  }
}

function addWrongCall(call) {
  const item = byId("wrong-item").content.firstElementChild.cloneNode(true);
  const button = item.querySelector("button");
  button.textContent = call.title;
  item.querySelector("span").textContent = call.why;
  button.addEventListener("click", async () => {
    const output = item.querySelector("output");
    output.textContent = "…";
    try {
      const answer = await fetch(hospital.call_url, {
        method: "POST",
        body: call.body,
        headers: { Accept: "application/json", "Content-Type": call.content_type },
      });
      output.textContent = `${answer.status} ${JSON.stringify(await answer.json(), null, 2)}`;
    } catch {
      output.textContent = "La DRIMbox ne répond pas, ou ne permet pas à cette page de lire sa réponse.";
    }
  });
  byId("wrong").append(item);
}
