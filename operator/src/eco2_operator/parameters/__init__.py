"""Where the values of Secrets come from when External Secrets does not fetch them: AWS Systems Manager (SSM)."""
