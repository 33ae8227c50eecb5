import { useSyncExternalStore } from 'react'
import { keep } from './storage'

/** `system` follows what the browser says of its surroundings. public/theme.js puts a chosen one on before the first paint. */
export type Theme = 'system' | 'light' | 'dark'

const stored = 'carteiro.theme'
const readers = new Set<() => void>()

function current(): Theme {
  const theme = document.documentElement.dataset.theme
  return theme === 'light' || theme === 'dark' ? theme : 'system'
}

function choose(theme: Theme) {
  if (theme === 'system') {
    delete document.documentElement.dataset.theme
    keep(stored, null)
  } else {
    document.documentElement.dataset.theme = theme
    keep(stored, theme)
  }
  for (const tell of readers) tell()
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const theme = useSyncExternalStore((reader) => {
    readers.add(reader)
    return () => readers.delete(reader)
  }, current)
  return [theme, choose]
}
