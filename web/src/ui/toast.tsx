import { createContext, type ReactNode, useCallback, useContext, useState } from 'react'
import { useTranslation } from '../i18n'
import { Icon } from './icon'

const Context = createContext<(text: string) => void>(() => {})

/** Says in passing that something was done. Nothing that must be read may be said so. */
export const useToast = () => useContext(Context)

const shownFor = 5_000

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<{ id: number; text: string }[]>([])
  const { t } = useTranslation()
  const drop = useCallback((id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)), [])
  const say = useCallback(
    (text: string) => {
      const id = Date.now() + Math.random()
      setToasts((all) => [...all.slice(-2), { id, text }])
      setTimeout(() => drop(id), shownFor)
    },
    [drop],
  )
  return (
    <Context value={say}>
      {children}
      <div
        aria-live="polite"
        className="pointer-events-none fixed inset-x-3 bottom-20 z-50 grid justify-items-center gap-2 md:bottom-6"
      >
        {toasts.map(({ id, text }) => (
          <div
            key={id}
            className="pointer-events-auto flex max-w-full items-center gap-3 rounded-lg bg-ink px-4 py-2.5 text-paper shadow-lg"
          >
            <span className="wrap-anywhere">{text}</span>
            <button
              type="button"
              aria-label={t('close')}
              onClick={() => drop(id)}
              className="-mr-1 rounded p-0.5 opacity-70 hover:opacity-100"
            >
              <Icon name="cross" />
            </button>
          </div>
        ))}
      </div>
    </Context>
  )
}
