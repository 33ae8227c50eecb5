import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { type Key, useTranslation } from '../i18n'
import { keep, recall } from '../storage'
import { Dialog } from './dialog'

/** Key to what it does. A key pressed in a field, with a modifier or under a dialog is not a shortcut. */
export type Shortcuts = Record<string, (event: KeyboardEvent) => void>

// Whoever dictates, or hits keys by accident, can turn shortcuts of a single key off (WCAG 2.1.4).
const stored = 'carteiro.shortcuts'
const readers = new Set<() => void>()
let on = recall(stored) !== 'off'

export function useShortcutsOn(): [boolean, (on: boolean) => void] {
  const value = useSyncExternalStore(
    (reader) => {
      readers.add(reader)
      return () => readers.delete(reader)
    },
    () => on,
  )
  return [value, turnShortcuts]
}

function turnShortcuts(wanted: boolean) {
  on = wanted
  keep(stored, wanted ? null : 'off')
  for (const tell of readers) tell()
}

export function useShortcuts(shortcuts: Shortcuts) {
  const latest = useRef(shortcuts)
  latest.current = shortcuts
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (!on || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
      if (event.target instanceof Element && event.target.closest('input, textarea, select, dialog[open]')) return
      if (document.querySelector('dialog[open]')) return
      latest.current[event.key]?.(event)
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [])
}

const help: [key: string, does: Key][] = [
  ['j', 'keys.next'],
  ['k', 'keys.previous'],
  ['Enter', 'keys.open'],
  ['r', 'keys.retry'],
  ['/', 'keys.search'],
  ['?', 'keys.help'],
]

/** What `?` shows. */
export function ShortcutHelp() {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  useShortcuts({ '?': () => setOpen(true) })
  if (!open) return null
  return (
    <Dialog title={t('keys')} onClose={() => setOpen(false)}>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-5 gap-y-2.5">
        {help.map(([key, does]) => (
          <div key={key} className="contents">
            <dt>
              <kbd className="inline-block min-w-7 rounded-md border border-edge bg-sunken px-1.5 py-0.5 text-center">
                {key}
              </kbd>
            </dt>
            <dd>{t(does)}</dd>
          </div>
        ))}
      </dl>
      <p className="mt-4 text-muted text-sm">{t('keys.where')}</p>
    </Dialog>
  )
}
