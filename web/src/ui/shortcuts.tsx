import { useEffect, useRef, useState } from 'react'
import { type Key, useTranslation } from '../i18n'
import { Dialog } from './dialog'

/** Key to what it does. A key pressed in a field, with a modifier or under a dialog is not a shortcut. */
export type Shortcuts = Record<string, (event: KeyboardEvent) => void>

export function useShortcuts(shortcuts: Shortcuts) {
  const latest = useRef(shortcuts)
  latest.current = shortcuts
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
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
    </Dialog>
  )
}
