const next = setTimeout(() => location.reload(), 5000);
// What a button has begun is not broken off.
addEventListener("submit", () => clearTimeout(next));
