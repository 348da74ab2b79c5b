"""The path of a study, series or instance below the root of a DICOMweb service (PS3.18 10.4.1)."""

from drimbox.model.retrieval import TargetResource


def target_path(target: TargetResource) -> str:
    """Return it; the UIDs were checked when they were made."""
    path = f"/studies/{target.study_instance_uid}"
    if target.series_instance_uid is not None:
        path += f"/series/{target.series_instance_uid}"
        if target.sop_instance_uid is not None:
            path += f"/instances/{target.sop_instance_uid}"
    return path
