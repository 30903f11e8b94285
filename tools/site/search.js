// Search for options as they are written: in the search's own language, `--hit-ratio` excludes pages with it.
document.addEventListener("input", (event) => {
  const box = event.target;
  if (!box.matches || !box.matches("[data-md-component=search-query]")) return;
  const words = box.value.replace(/(^|\s)-+(?=\w)/g, "$1");
  if (words !== box.value) box.value = words;
}, true);
