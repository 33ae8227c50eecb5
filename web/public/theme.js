// Runs before the first paint, so that a chosen theme does not flash up in the other one. A file of its own because the
// page's Content-Security-Policy knows no inline script.
try {
  const theme = localStorage.getItem('carteiro.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage is switched off: the system's theme it is.
}
