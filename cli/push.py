"""`mmcot push`."""

import argparse


SUMMARY = "publish a trained folder on the Hub, in one commit"
EXAMPLE = "mmcot push runs/quickstart someone/sketchqa --dry-run"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("folder", help="run folder")
    parser.add_argument("repository", help="org/name on the Hub; made where it does not exist")
    parser.add_argument("--private", action="store_true", help="only you see it")
    parser.add_argument("--revision", help="branch to publish to")
    parser.add_argument("--create-pr", action="store_true", help="open a pull request")
    parser.add_argument("--dry-run", action="store_true", help="only list the files and their sizes")


def run(options: argparse.Namespace) -> None:
    """Publishes the folder, or lists what would be published."""
    from ..hub_card.contents import left_out, planned_files
    from ..hub_card.publish import publish

    for name in left_out(options.folder):
        print(f"Left out: {name}, a link to a place outside the folder.")
    if options.dry_run:
        files = planned_files(options.folder)
        print("\n".join(f"{size:>14,}  {name}" for name, size in files))
        print(f"{sum(size for _, size in files):>14,}  bytes in {len(files)} files; nothing was sent")
        return
    commit = publish(options.folder, options.repository, options.private, options.revision, options.create_pr)
    print(f"Published at {commit.pr_url or commit.repo_url}, commit {commit.oid}.")
