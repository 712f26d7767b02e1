// Tables that are sorted, copied and saved.

function rowsOf(table) {
  const heads = [...table.tHead.rows[0].cells];
  const titles = heads.map((head) => head.innerText.trim());
  return [titles, ...[...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent))];
}
function csv(table) {
  // A spreadsheet takes a cell that begins so for a formula. Figures, such as "-3.1 %" and "-9..+17 %", are none.
  const guarded = (text) => (/^[=+\-@\t\r\n]/.test(text) && !/^[-+\d., %]+$/.test(text) ? `'${text}` : text);
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return rowsOf(table).map((row) => row.map((text) => quoted(guarded(text))).join(",")).join("\n") + "\n";
}
async function copied(text, button) {
  const before = button.textContent;
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Browsers that give a file no clipboard still copy what is selected.
    const box = make("textarea", { value: text });
    document.body.append(box);
    box.select();
    done = document.execCommand("copy");
    box.remove();
    button.focus();
  }
  button.textContent = done ? "Copied" : "Select the text and copy it";
  setTimeout(() => { button.textContent = before; }, 1500);
}
function saved(text, name) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
const collator = new Intl.Collator("en", { numeric: true });
function sorted(table, column, ascending) {
  const body = table.tBodies[0], sign = ascending ? 1 : -1;
  const key = (row) => { const cell = row.cells[column]; return cell.dataset.value === undefined ? null : Number(cell.dataset.value); };
  const rows = [...body.rows];
  const numeric = rows.some((row) => key(row) !== null);
  rows.sort((one, other) => {
    if (!numeric) return sign * collator.compare(one.cells[column].textContent, other.cells[column].textContent);
    const [left, right] = [key(one), key(other)];
    // What has no number comes last, whichever way.
    return left === null || right === null ? (left === null) - (right === null) : sign * (left - right);
  });
  body.append(...rows);
  [...table.tHead.rows[0].cells].forEach((head, nth) => {
    if (nth === column) head.setAttribute("aria-sort", ascending ? "ascending" : "descending"); else head.removeAttribute("aria-sort");
  });
}
function sortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    // Figures that have no number behind them, such as bands, have no order.
    const cells = [...table.tBodies[0].rows].map((row) => row.cells[column]);
    if (cells.some((cell) => cell.classList.contains("right")) && !cells.some((cell) => cell.dataset.value !== undefined)) return;
    const button = make("button", { type: "button", textContent: head.textContent });
    button.addEventListener("click", () => sorted(table, column, head.getAttribute("aria-sort") !== "ascending"));
    head.replaceChildren(button);
  });
  const named = `${slug(page.title)}-${table.id}.csv`;
  const copy = make("button", { type: "button", className: "copy-table", textContent: "Copy" });
  copy.addEventListener("click", () => copied(rowsOf(table).map((row) => row.join("\t")).join("\n") + "\n", copy));
  const save = make("button", { type: "button", className: "csv-table", textContent: "CSV" });
  save.addEventListener("click", () => saved(csv(table), named));
  const around = table.closest(".wide");
  const tools = make("div", { className: "tools" }, copy, save);
  if (around.previousElementSibling && around.previousElementSibling.classList.contains("tools")) around.previousElementSibling.replaceWith(tools);
  else around.before(tools);
}
const slug = (text) => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "").slice(0, 60) || "page";
