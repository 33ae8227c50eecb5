import { useTranslation } from '../i18n'
import { Button } from './button'
import { Icon } from './icon'

/** Leads on through a list that is read by cursor, and back to where it begins. */
export function Older<F extends { cursor?: string }>({
  next,
  filters,
  onGo,
}: {
  next: string | undefined
  filters: F
  onGo: (filters: F) => void
}) {
  const { t } = useTranslation()
  if (!next && !filters.cursor) return null
  const go = (cursor: string | undefined) => {
    const { cursor: _, ...others } = filters
    onGo((cursor ? { ...others, cursor } : others) as F)
  }
  return (
    <nav aria-label={t('pages')} className="flex items-center justify-between gap-2 border-line border-t px-4 py-2.5">
      <Button small disabled={!filters.cursor} onClick={() => go(undefined)}>
        {t('pages.newest')}
      </Button>
      <Button small disabled={!next} onClick={() => go(next)}>
        {t('pages.older')}
        <Icon name="right" />
      </Button>
    </nav>
  )
}
