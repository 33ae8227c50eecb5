import { useQueryClient } from '@tanstack/react-query'
import type { ErrorComponentProps } from '@tanstack/react-router'
import { useTranslation } from '../i18n'
import { forgetFailedPages, PageLoadError } from '../lazy-page'
import { Button } from '../ui/button'
import { Notice } from '../ui/notice'
import { Heading } from '../ui/page'

/**
 * Stands in the place of a page that threw an error; the navigation around it stays. Trying again reads the page's data anew,
 * for that may be what it cannot show.
 */
export function PageError({ error, reset }: ErrorComponentProps) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const unloaded = error instanceof PageLoadError
  const again = () => {
    forgetFailedPages()
    client.removeQueries({ type: 'inactive' })
    client.resetQueries()
    reset()
  }
  return (
    <>
      <Heading title={t(unloaded ? 'fault.load' : 'fault.page')} />
      <Notice
        tone={unloaded ? 'warn' : 'bad'}
        title={t(unloaded ? 'fault.load.next' : 'fault.page.what')}
        action={
          <span className="flex flex-wrap gap-2">
            <Button small icon="again" onClick={again}>
              {t('tryAgain')}
            </Button>
            <Button small onClick={() => location.reload()}>
              {t('reload')}
            </Button>
          </span>
        }
      >
        {!unloaded && <p>{t('fault.page.next')}</p>}
      </Notice>
    </>
  )
}

/** The same without a shell, when it is the shell that threw. */
export function RootError(props: ErrorComponentProps) {
  return (
    <main className="mx-auto max-w-xl p-6 pt-[20vh]">
      <PageError {...props} />
    </main>
  )
}
