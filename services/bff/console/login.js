// The button that logs out. Everything else on these pages works without a script.
const button = document.getElementById("logout");
const told = document.getElementById("told");

if (button) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const answer = await fetch("/console/logout", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: "{}",
      });
      if (!answer.ok && answer.status !== 401) {
        throw new Error(String(answer.status));
      }
      location.assign(button.dataset.next);
    } catch {
      button.disabled = false;
      told.textContent = "You are still logged in: the logout did not get through. Try again.";
    }
  });
}
