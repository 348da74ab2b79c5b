// What every signed-in page does: local times, all traits, a warning before leaving an export.

const TRAITS_KEY = "drimbox.all-traits";

for (const time of document.querySelectorAll("time[data-local]")) {
  const format = { dateStyle: "short", timeStyle: "short" };
  time.textContent = new Intl.DateTimeFormat("fr-FR", format).format(new Date(time.dateTime));
}

const toggle = document.querySelector("[data-toggle-traits]");
if (toggle) {
  const more = document.getElementById("more-traits");
  const set = (isShown) => {
    more.hidden = !isShown;
    toggle.setAttribute("aria-expanded", String(isShown));
    toggle.textContent = isShown ? "Traits principaux" : "Tous les traits";
  };
  // Only the wish is kept on this workstation, never an identity.
  set(localStorage.getItem(TRAITS_KEY) === "1");
  toggle.addEventListener("click", () => {
    set(more.hidden);
    localStorage.setItem(TRAITS_KEY, more.hidden ? "0" : "1");
  });
}

const signOut = document.querySelector("[data-sign-out]");
if (signOut) {
  const warning = document.getElementById("sign-out-warning");
  let isAgreed = false;
  signOut.addEventListener("submit", async (event) => {
    if (isAgreed) return;
    event.preventDefault();
    if ((await exportsUnderWay()) > 0) {
      warning.showModal();
    } else {
      leave();
    }
  });
  warning.addEventListener("close", () => {
    if (warning.returnValue === "leave") leave();
  });
  const leave = () => {
    isAgreed = true;
    signOut.submit();
  };
}

async function exportsUnderWay() {
  try {
    const answer = await fetch("/consultation/exports");
    return answer.ok ? (await answer.json()).under_way : 0;
  } catch {
    return 0;
  }
}
