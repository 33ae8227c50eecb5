// The browser may block storage, for example by a setting against cookies. Even looking at it throws then. Settings are kept
// for the time the page is open in that case.

const memory = new Map<string, string>()

/** Return a stored setting, or null. */
export function recall(name: string): string | null {
  try {
    return localStorage.getItem(name)
  } catch {
    return memory.get(name) ?? null
  }
}

/** Store a setting, or remove it. */
export function keep(name: string, value: string | null) {
  if (value === null) memory.delete(name)
  else memory.set(name, value)
  try {
    if (value === null) localStorage.removeItem(name)
    else localStorage.setItem(name, value)
  } catch {
    // It is kept in memory only.
  }
}
