import { useTranslation } from '../i18n'
import { Confirm } from '../ui/confirm'
import { useToast } from '../ui/toast'

/** Deletes what is named, once its name was typed. */
export function DeleteDialog({
  title,
  what,
  name,
  remove,
  onClose,
  onDeleted,
}: {
  title: string
  /** What goes with it. */
  what: string
  name: string
  remove: {
    isPending: boolean
    error: unknown
    mutate: (nothing: undefined, then: { onSuccess: () => void }) => void
  }
  onClose: () => void
  onDeleted: () => void
}) {
  const { t } = useTranslation()
  const say = useToast()
  return (
    <Confirm
      title={title}
      name={name}
      action={t('delete')}
      busy={remove.isPending}
      fault={remove.error}
      onClose={onClose}
      onConfirm={() =>
        remove.mutate(undefined, {
          onSuccess: () => {
            say(t('deleted', { name }))
            onDeleted()
          },
        })
      }
    >
      {what}
    </Confirm>
  )
}
