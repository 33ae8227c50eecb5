import { type ReactNode, useId, useLayoutEffect, useRef } from 'react'
import { useTranslation } from '../i18n'
import { Button, type Look } from './button'
import { Icon, type IconName } from './icon'

/**
 * A modal dialog: the browser keeps the focus inside and gives it back. Escape asks to close it. Mount it to open it. What is
 * marked `data-first` gets the focus. A `locked` dialog cannot be dismissed: a request is under way, or it shows what can be
 * seen only once.
 */
export function Dialog({
  title,
  onClose,
  wide,
  locked = false,
  children,
}: {
  title: string
  onClose: () => void
  wide?: boolean
  locked?: boolean
  children: ReactNode
}) {
  const ref = useRef<HTMLDialogElement>(null)
  const id = useId()
  const { t } = useTranslation()
  // Before it leaves the page, for only then does closing give the focus back.
  useLayoutEffect(() => {
    const dialog = ref.current
    dialog?.showModal()
    dialog?.querySelector<HTMLElement>('[data-first]')?.focus()
    return () => dialog?.close()
  }, [])
  return (
    <dialog
      ref={ref}
      aria-labelledby={id}
      onCancel={(event) => {
        if (event.target !== event.currentTarget) return
        event.preventDefault()
        if (!locked) onClose()
      }}
      onKeyDown={(event) => {
        // A browser lets a page prevent one cancellation, and closes the dialog at the second: the key is stopped before.
        if (event.key !== 'Escape' || event.defaultPrevented) return
        event.preventDefault()
        event.stopPropagation()
        if (!locked) onClose()
      }}
      // Whatever else closes it, a gesture for example: it is open as long as it is mounted.
      onClose={(event) =>
        event.target === event.currentTarget && event.currentTarget.isConnected && event.currentTarget.showModal()
      }
      className={`m-auto max-h-[min(90dvh,60rem)] w-[calc(100%-1.5rem)] overflow-y-auto rounded-xl border border-line bg-card text-ink shadow-xl ${wide ? 'max-w-4xl' : 'max-w-lg'}`}
    >
      <div className="sticky top-0 z-10 flex items-start justify-between gap-4 bg-card px-5 pt-4 pb-3">
        <h2 id={id} className="wrap-anywhere font-semibold text-base">
          {title}
        </h2>
        {!locked && (
          <button
            type="button"
            onClick={onClose}
            aria-label={t('close')}
            className="-m-1.5 rounded-md p-1.5 text-muted hover:bg-sunken hover:text-ink"
          >
            <Icon name="cross" />
          </button>
        )}
      </div>
      <div className="wrap-anywhere px-5 pb-5">{children}</div>
    </dialog>
  )
}

/** What a dialog's form ends with: the way back, and what it is for. */
export function DialogButtons({
  action,
  onCancel,
  ...submit
}: {
  action: string
  busy: boolean
  look?: Look
  icon?: IconName
  disabled?: boolean
  onCancel: () => void
}) {
  const { t } = useTranslation()
  return (
    <div className="flex justify-end gap-2">
      <Button disabled={submit.busy} onClick={onCancel}>
        {t('cancel')}
      </Button>
      <Button type="submit" look="primary" {...submit}>
        {action}
      </Button>
    </div>
  )
}
