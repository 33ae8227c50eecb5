import { useTranslation } from '../i18n'
import { Button } from './button'

export function Pager({
  page,
  last,
  total,
  onPage,
}: {
  page: number
  last: number
  total: number
  onPage: (page: number) => void
}) {
  const { t } = useTranslation()
  if (last <= 1) return null
  return (
    <nav
      aria-label={t('pages')}
      className="flex flex-wrap items-center justify-between gap-2 border-line border-t px-4 py-2.5"
    >
      <span className="text-muted text-sm">{t('pages.at', { page, last, total })}</span>
      <span className="flex gap-2">
        <Button small icon="left" disabled={page <= 1} onClick={() => onPage(page - 1)}>
          {t('pages.back')}
        </Button>
        <Button small disabled={page >= last} onClick={() => onPage(page + 1)}>
          {t('pages.on')}
        </Button>
      </span>
    </nav>
  )
}
