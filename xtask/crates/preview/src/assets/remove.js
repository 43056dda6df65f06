// Removes the service workers of this address and what they have stored, and shows the preview.
const button = /** @type {HTMLButtonElement} */ (document.getElementById("remove"));

button.onclick = async () => {
  button.disabled = true;
  try {
    // The answer tells the browser to clear everything that it has stored for this address.
    await fetch("/_preview/forget", { method: "POST" });
    // For browsers that do not support that header.
    const workers = await navigator.serviceWorker.getRegistrations();
    await Promise.all(workers.map((worker) => worker.unregister()));
    const names = await caches.keys();
    await Promise.all(names.map((name) => caches.delete(name)));
    location.reload();
  } catch (error) {
    button.disabled = false;
    document.getElementById("told").textContent = `failed to remove it: ${error.message}`;
  }
};
