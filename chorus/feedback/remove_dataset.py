"""`chorus feedback remove`: a dataset with all that belongs to it alone."""

from chorus.common.console import print_json, print_line
from chorus.common.settings import Settings
from chorus.feedback.find_dataset import find_dataset
from storage.places.open_place import open_place
from storage.records import feedback
from tasks.jobs.activate_labels import has_default_output
from tasks.jobs.remove_feedback import FeedbackInUse, feedback_use, remove_feedback


def remove_dataset(
    settings: Settings, name: str, customer: str | None, *, yes: bool, as_json: bool
) -> None:
    """Print what belongs to the dataset, and remove it if `yes`.

    Raises NoSuchDataset, FeedbackInUse, CannotWrite.
    """
    place = open_place(settings.home)
    named = find_dataset(place, name, customer)
    use = feedback_use(place, named.customer, named.id)
    if use.open:
        raise FeedbackInUse(named.id, list(use.open))
    if yes:
        use = remove_feedback(place, named.customer, named.id)
    own = [job for job in use.jobs if has_default_output(place, job)]
    kept = [job.out for job in use.jobs if job not in own]
    if as_json:
        print_json(
            {
                "dataset": named.id,
                "customer": named.customer,
                "removed": yes,
                "jobs": [job.id for job in use.jobs],
                "labels": [job.out for job in own],
                "kept": kept,
            }
        )
        return
    print_line(f"Dataset {named.id} of {named.customer}:")
    print_line(f"  feedback: {place.url_of(feedback.folder(named.customer, named.id))}")
    for job in use.jobs:
        print_line(f"  job {job.id}, labels: {job.out}" + ("" if job in own else " (they stay)"))
    print_line(
        "Removed. Scores stay: they hold no text, and `chorus prune` removes those of old versions."
        if yes
        else "Nothing was removed. --yes removes it."
    )
