import { Link } from '@tanstack/react-router'
import { useTranslation } from '../i18n'
import { buttonLook } from '../ui/button'
import { Empty, Heading } from '../ui/page'

/** An address that is no page. */
export function LostPage() {
  const { t } = useTranslation()
  return (
    <>
      <Heading title={t('lost')} />
      <div className="card">
        <Empty
          title={t('lost.what')}
          action={
            <Link to="/" className={buttonLook('primary')}>
              {t('lost.next')}
            </Link>
          }
        />
      </div>
    </>
  )
}
