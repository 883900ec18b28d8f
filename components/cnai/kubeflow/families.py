"""Keys of a stack file under which parts of Kubeflow are chosen."""

from cnai.feature import Family

KUBEFLOW = Family(key="kubeflow", choose="several", text="Parts of Kubeflow.")
