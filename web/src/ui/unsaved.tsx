import { useBlocker } from '@tanstack/react-router'
import { useEffect } from 'react'
import { useTranslation } from '../i18n'
import { Button } from './button'
import { Dialog } from './dialog'

// The forms that hold something that is not saved.
const unsaved = new Set<object>()

/** Reports whether leaving everything, as signing out does, loses something. */
export const hasUnsaved = () => unsaved.size > 0

/**
 * Keeps what is not saved: leaving the page, by a link, by the browser's buttons or by closing the tab, asks first. With
 * `locked` nothing is asked, and the page cannot be left.
 */
export function Unsaved({ when, locked = false }: { when: boolean; locked?: boolean }) {
  const { t } = useTranslation()
  useEffect(() => {
    if (!when) return
    const mark = {}
    unsaved.add(mark)
    return () => {
      unsaved.delete(mark)
    }
  }, [when])
  const blocker = useBlocker({
    // Filters and pages stand in the address of one page: going from one to another keeps the page.
    shouldBlockFn: ({ current, next }) => when && current.pathname !== next.pathname,
    enableBeforeUnload: when,
    withResolver: true,
  })
  const { status, reset } = blocker
  const blocked = status === 'blocked'
  useEffect(() => {
    if (blocked && locked) reset?.()
  }, [blocked, locked, reset])
  if (!blocked || locked) return null
  return (
    <Dialog title={t('unsaved')} onClose={blocker.reset}>
      <div className="grid gap-4">
        <p className="text-muted">{t('unsaved.what')}</p>
        <div className="flex flex-wrap justify-end gap-2">
          <Button onClick={blocker.proceed}>{t('unsaved.discard')}</Button>
          <Button look="primary" data-first onClick={blocker.reset}>
            {t('unsaved.stay')}
          </Button>
        </div>
      </div>
    </Dialog>
  )
}
